"""Starting programs and waiting for what they bring about."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING

from tests.lab.errors import LabError
from tests.lab.home import held_descriptors

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

_POLL_SECONDS = 0.02


def run(argv: Sequence[str | Path], *, given: str = "", fails: bool = False) -> str:
    """Run a program to its end and return what it printed; `given` is its standard input.

    A non-zero exit is a LabError with the program's own words, unless `fails` allows it.
    """
    words = [str(word) for word in argv]
    done = subprocess.run(
        words,
        input=given,
        capture_output=True,
        text=True,
        check=False,
        pass_fds=held_descriptors(),
    )
    if done.returncode and not fails:
        said = (done.stderr or done.stdout).strip()
        raise LabError(f"{' '.join(words)} failed with status {done.returncode}: {said}")
    return done.stdout


def wait_for(condition: Callable[[], bool], deadline: float, what: str) -> None:
    """Return as soon as the condition holds; `deadline` seconds later it is a LabError."""
    end = time.monotonic() + deadline
    while not condition():
        if time.monotonic() > end:
            raise LabError(f"{what} did not happen within {deadline:g} s")
        time.sleep(_POLL_SECONDS)
