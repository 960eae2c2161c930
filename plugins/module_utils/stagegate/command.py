"""Programs of a release, run with few rights, a deadline and a bounded voice."""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .errors import Refused

TAIL = 4000
"""Bytes of output that are kept: the end, where a program says why it stopped."""

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class Outcome:
    """How a program ended: its status (negative: the signal), the end of what it said."""

    status: int
    said: str
    timed_out: bool

    @property
    def well(self) -> bool:
        """True for status 0 within the deadline."""
        return self.status == 0 and not self.timed_out

    def reason(self) -> str:
        """Why it did not end well, in one line."""
        last = self.said.strip().splitlines()[-1:] or ["it said nothing"]
        if self.timed_out:
            return f"it did not end before its deadline; last words: {last[0]}"
        return f"status {self.status}: {last[0]}"


def run_command(
    argv: Sequence[str],
    *,
    deadline: float,
    user: str = "",
    cwd: str = "/",
    environment: dict[str, str] | None = None,
) -> Outcome:
    """Run a program to its end, or kill its whole group at the deadline (seconds).

    It gets no terminal, no input, only the named environment, and the rights of ``user`` when we
    may give them away. Output goes to a file, so that a flood of it costs no memory.
    """
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", **(environment or {})},
            start_new_session=True,
            umask=0o077,
            **identity(user),
        )
        timed_out = False
        try:
            process.wait(deadline)
        except subprocess.TimeoutExpired:
            timed_out = True
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        size = output.seek(0, os.SEEK_END)
        output.seek(max(0, size - TAIL))
        said = CONTROL.sub("", output.read().decode("utf-8", "replace"))
    return Outcome(process.returncode, said, timed_out)


def identity(user: str) -> dict[str, Any]:
    """The arguments that make a child another user; none when nobody is named or we are no root."""
    if not user or os.geteuid() != 0:
        return {}
    try:
        account = pwd.getpwnam(user)
    except KeyError as error:
        raise Refused(
            f"the service user {user} does not exist on this host",
            now="nothing was changed",
            untouched="every service and all data",
            next="create it, or correct service_user",
        ) from error
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
