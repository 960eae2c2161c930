"""Writing to a screen that may be a terminal, a pipe, or gone."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

CLEAR_LINE = "\r\x1b[2K"


class Display(Protocol):
    """What is asked of Ansible's display."""

    verbosity: int

    def display(
        self,
        msg: str,
        color: str | None = None,
        *,
        screen_only: bool = False,
        newline: bool = True,
    ) -> None:
        """Print, and log unless ``screen_only``."""


class Screen:
    """Lines in order, and on a terminal one live line below them that is drawn anew.

    When nobody reads any more (a closed pipe, a full disk, a terminal that is gone) it falls
    silent: a run must not fail for its screen.
    """

    def __init__(self, display: Display) -> None:
        self.display = display
        self.plain = False
        self.silent = False
        self.drawn = False
        self.spaced = True

    def is_live(self) -> bool:
        """True on a terminal that a line can be redrawn on."""
        if self.silent or self.plain or self.display.verbosity:
            return False
        return sys.stdout.isatty() and "CI" not in os.environ and os.environ.get("TERM") != "dumb"

    def width(self) -> int:
        """Columns of the terminal but the last, at which some terminals already wrap."""
        return shutil.get_terminal_size().columns - 1

    def say(self, text: str, color: str | None = None) -> None:
        """Print lines, where the live line was."""
        if self.drawn:
            self.drawn = False
            self.put(CLEAR_LINE, screen_only=True, newline=False)
        self.spaced = not text
        self.put(text, color=color)

    def gap(self) -> None:
        """Leave one line empty before what follows."""
        if not self.spaced:
            self.say("")

    def redraw(self, line: str) -> None:
        """Draw the live line anew."""
        self.drawn = True
        self.put(f"{CLEAR_LINE}{line}", screen_only=True, newline=False)

    def put(self, text: str, **how: Any) -> None:  # passed on as they are
        """Write at once, so that who reads a pipe sees a phase when it ends."""
        with self.surviving():
            if not self.silent:
                self.display.display(text, **how)
                sys.stdout.flush()

    def write_out(self) -> None:
        """Write what still waits to be written, whoever printed it.

        Ansible does so before it starts a task, and leaves the task out without a word where that
        fails: the run would end with 0 and have done nothing.
        """
        with self.surviving():
            sys.stdout.flush()

    @contextmanager
    def surviving(self) -> Iterator[None]:
        """Go on in silence when writing fails."""
        try:
            yield
        except OSError:
            self.run_silence()
        except ValueError:
            if not sys.stdout.closed:
                raise
            self.silent = True

    def run_silence(self) -> None:
        """Send what is still to be written nowhere, so that leaving does not fail either."""
        self.silent = True
        same = os.path.sameopenfile(1, 2)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1, inheritable=False)
        if same:
            os.dup2(nowhere, 2, inheritable=False)
        os.close(nowhere)


def run_with_output() -> None:
    """Give the process a standard output when its caller closed it; Ansible stumbles without."""
    if sys.stdout is None:
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
