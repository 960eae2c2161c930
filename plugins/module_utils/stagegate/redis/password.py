"""The password of a server: in a file that only its owner can read, and nowhere else."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ..errors import Refused

LONGEST = 4096


def read_password(path: Path | None) -> bytes | None:
    """The first line of the file; None when the server asks for none.

    Raises Refused for a file that others could read or exchange. What is checked on the descriptor
    is what is then read. The text of the error never holds anything of the content.
    """
    if path is None:
        return None
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise refused(path, error.strerror or "it cannot be opened") from error
    try:
        problem = problem_of(os.fstat(descriptor))
        if problem:
            raise refused(path, problem)
        line = os.read(descriptor, LONGEST + 1).partition(b"\n")[0].rstrip(b"\r")
    finally:
        os.close(descriptor)
    if not line or len(line) > LONGEST:
        raise refused(path, "it holds no password")
    return line


def problem_of(status: os.stat_result) -> str:
    """Why a file is no place for a password; empty when it is one."""
    if not stat.S_ISREG(status.st_mode):
        return "it is not an ordinary file"
    if status.st_mode & 0o077:
        return f"its mode is {stat.S_IMODE(status.st_mode):04o}, others may read it"
    if status.st_uid not in (0, os.geteuid()):
        return f"it belongs to user {status.st_uid}, neither to root nor to us"
    return ""


def refused(path: Path, reason: str) -> Refused:
    """The words for a file that is not read."""
    return Refused(
        f"the password file {path} is not used: {reason}",
        now="nothing was changed",
        untouched="every service and all data",
        next=f"make it a file of root with the mode 0600: {path}",
    )
