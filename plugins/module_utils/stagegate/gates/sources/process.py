"""What a program says: in time, not too much of it, and with nothing left running."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Sequence
from typing import IO

from ...command import CONTROL, identity
from ...errors import Refused
from ..model import SourceFault, TooLate

MOST = 64 * 1024
"""Bytes that a program may say before it is stopped."""
LAST_WORDS = 300
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
PATIENCE = 1.0
"""Seconds for the pipes to close once the whole group is dead."""


class Drain(threading.Thread):
    """Reads one of a program's pipes to its end. More than ``most`` bytes stop the program;
    ``most`` 0 keeps the last words only."""

    def __init__(self, pipe: IO[bytes], group: int, most: int) -> None:
        super().__init__(daemon=True)
        self.pipe = pipe
        self.group = group
        self.most = most
        self.kept = b""

    def run(self) -> None:
        """Read until nobody can write any more, or whoever holds the pipe is given up."""
        with contextlib.suppress(OSError, ValueError):
            for chunk in iter(lambda: os.read(self.pipe.fileno(), MOST), b""):
                self.kept += chunk
                if not self.most:
                    self.kept = self.kept[-LAST_WORDS:]
                elif len(self.kept) > self.most:
                    kill_group(self.group)
                    return


def read_output(
    argv: Sequence[str], *, deadline: float, user: str = "", given: bytes = b""
) -> bytes:
    """Run a program without a shell, give it some bytes, and return all that it says.

    Raises SourceFault when it cannot be started, says too much, or ends with another status than 0,
    and TooLate at the deadline (seconds). Its whole process group is dead afterwards.
    """
    try:
        process = subprocess.Popen(
            list(argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd="/",
            env=ENVIRONMENT,
            start_new_session=True,
            umask=0o077,
            **identity(user),
        )
    except (OSError, ValueError) as error:
        raise SourceFault(f"{argv[0]} cannot be started: {error}") from error
    except Refused as refused:
        raise SourceFault(refused.what) from refused
    with process:
        return hear(process, deadline, given)


def hear(process: subprocess.Popen[bytes], deadline: float, given: bytes) -> bytes:
    """Wait for a program's end and return what it said."""
    if process.stdin is None or process.stdout is None or process.stderr is None:
        raise AssertionError("the program was started with pipes")
    drains = Drain(process.stdout, process.pid, MOST), Drain(process.stderr, process.pid, 0)
    for drain in drains:
        drain.start()
    late = False
    with contextlib.suppress(BrokenPipeError):  # it need not listen
        process.stdin.write(given)
        process.stdin.close()
    try:
        status = process.wait(deadline)
    except subprocess.TimeoutExpired:
        late, status = True, -signal.SIGKILL
    finally:
        kill_group(process.pid)
        process.wait()
    for drain in drains:
        drain.join(PATIENCE)
    out, err = (drain.kept for drain in drains)
    if late:
        raise TooLate(f"the program did not end within {deadline:g} s")
    if len(out) > MOST:
        raise SourceFault(f"the program said more than {MOST} bytes")
    if status != 0:
        raise SourceFault(f"the program ended with status {status}{last_words(err)}")
    if any(drain.is_alive() for drain in drains):
        raise SourceFault("the program left something running that holds its output open")
    return out


def last_words(said: bytes) -> str:
    """The last line of what was said on the error channel, for a message."""
    lines = CONTROL.sub("", said.decode("utf-8", "replace")).strip().splitlines()
    return f": {lines[-1]}" if lines else ""


def kill_group(group: int) -> None:
    """Kill a program and all that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
