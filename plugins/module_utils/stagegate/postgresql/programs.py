"""pg_dump and pg_restore: found, run as the server's account, watched, and believed by nobody.

Their exit status is the least of the proofs. No shell and no pipe stands between a program and its
file, so that none can hide that status.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..command import CONTROL, TAIL, identity
from ..errors import Refused, StepFailed
from ..store.space import free_bytes

INSTALLED = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin")
"""Where distributions keep the programs of each version, side by side."""

SEARCHED = "/usr/local/bin:/usr/bin:/bin"
VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
LOOK = 0.2
"""Seconds between two looks at the clock and the free space while a program runs."""


@dataclass(frozen=True)
class Tools:
    """The programs of one version."""

    directory: Path
    major: int

    @property
    def dump(self) -> str:
        """pg_dump."""
        return str(self.directory / "pg_dump")

    @property
    def restore(self) -> str:
        """pg_restore."""
        return str(self.directory / "pg_restore")


@dataclass(frozen=True)
class Bounds:
    """What a running program must respect: its deadline in seconds, and room that stays free."""

    deadline: float
    directory: Path
    reserve: int = 0


@lru_cache
def tools_of(major: int) -> Tools:
    """The programs of this host for a server of that version. Raises Refused."""
    return find_tools(major, installed())


def installed() -> list[Path]:
    """Every directory on this host that may hold the programs."""
    found = [path for pattern in INSTALLED for path in Path("/").glob(pattern.lstrip("/"))]
    plain = shutil.which("pg_dump", path=SEARCHED)
    return [*found, *([Path(plain).parent] if plain else [])]


def find_tools(major: int, directories: Iterable[Path]) -> Tools:
    """The programs that fit a server best: of its own version, or of the nearest later one.

    Raises Refused: a pg_dump that is older than the server does not read it.
    """
    seen: list[Tools] = []
    for directory in directories:
        tools = tools_in(directory)
        if tools is not None and tools.major == major:
            return tools
        seen += [tools] if tools is not None else []
    fit = sorted((t for t in seen if t.major > major), key=lambda tools: tools.major)
    if fit:
        return fit[0]
    older = ", ".join(sorted({str(tools.major) for tools in seen}))
    raise Refused(
        f"pg_dump and pg_restore of version {major} or later are not on this host"
        + (f"; there is only {older}" if older else ""),
        now="nothing was changed",
        untouched="every service and all data",
        next=f"install them: apt install postgresql-client-{major}",
    )


def tools_in(directory: Path) -> Tools | None:
    """The programs in a directory; None unless both are there and say the same version."""
    majors = set()
    for name in ("pg_dump", "pg_restore"):
        program = directory / name
        if not program.is_file():
            return None
        said = subprocess.run(
            [str(program), "--version"], capture_output=True, text=True, check=False
        ).stdout
        found = VERSION.search(said)
        majors.add(int(found.group(1)) if found else 0)
    return Tools(directory, majors.pop()) if len(majors) == 1 else None


def run_program(
    argv: Sequence[str],
    bounds: Bounds,
    *,
    user: str,
    settings: str = "",
    reading: Any = subprocess.DEVNULL,
    writing: Any = subprocess.DEVNULL,
) -> None:
    """Run a program to a good end; raise StepFailed with its last words otherwise.

    ``settings`` are the session's, as libpq's ``options``. What it reads and writes are files that
    we opened: it needs no right to reach them.
    """
    name = Path(argv[0]).name
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            list(argv),
            stdin=reading,
            stdout=writing,
            stderr=said,
            cwd="/",
            env={"PATH": SEARCHED, "LANG": "C.UTF-8", "PGOPTIONS": settings},
            start_new_session=True,
            umask=0o077,
            **identity(user),
        )
        try:
            reason = watch(process, bounds)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        size = said.seek(0, os.SEEK_END)
        said.seek(max(0, size - TAIL))
        words = CONTROL.sub("", said.read().decode("utf-8", "replace")).strip().splitlines()
    if reason or process.returncode:
        last = telling(words) or "it said nothing"
        raise StepFailed(
            f"{name}: {reason or f'status {process.returncode}: {last}'}",
            now="what it had begun is not used",
            untouched="the live database",
            next="correct what these words and the server's log say, then run this again",
        )


def telling(words: Sequence[str]) -> str:
    """The line that says why: the first error, or else the last line."""
    errors = [line for line in words if "error:" in line.lower() or "fatal:" in line.lower()]
    return (errors or list(words[-1:]) or [""])[0][:500]


def watch(process: subprocess.Popen[bytes], bounds: Bounds) -> str:
    """Wait for the end of a program; return why it must be ended before, empty for an end."""
    end = time.monotonic() + bounds.deadline
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(LOOK)
            return ""
        if time.monotonic() > end:
            return f"not finished within its deadline of {bounds.deadline:.0f} s"
        free = free_bytes(bounds.directory)
        if free < bounds.reserve:
            return (
                f"the disk fills up: free {free} bytes, needed {bounds.reserve} bytes of reserve "
                "for the server itself"
            )
