"""What must be true of the controller before anything a user wrote is rendered there."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from .validate import Problem, join

OLDEST_CORE = (2, 19)
"""The first series with all of CVE-2023-5764, CVE-2024-8775, CVE-2024-9902 and CVE-2024-11079
closed on which the scenario table passes."""

TEMPLATE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
LOOKUP = re.compile(r"\b(?:lookup|query|q(?=\s*\())\b(?:\s*\(\s*(['\"])(?P<name>[\w.]+)\1\s*[,)])?")
PROGRAMS = {"pipe", "lines"}
"""Lookups whose argument is a command line for a shell of the controller."""

LOOKUP_HINT = "an inventory may look up files and variables; let a program write a file instead"


def core_problem(version: str) -> list[Problem]:
    """The problem of an ansible-core older than the oldest that is judged safe."""
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    if numbers >= OLDEST_CORE:
        return []
    oldest = ".".join(map(str, OLDEST_CORE))
    return [Problem("ansible-core", f"{version} is older than {oldest}", "make setup installs it")]


def program_lookups(
    value: Any, path: str, renders: Callable[[str], bool]
) -> Iterator[tuple[str, str]]:
    """Where a value, not yet rendered, would run a program: the path and the text.

    ``renders`` tells whether a text would be rendered at all: what a host answered never is. A
    lookup whose name is computed counts: nobody can say what it runs. Values may be nested as
    deeply as they like, for one from a host may not stop its own rollback.
    """
    waiting = [(path, value)]
    while waiting:
        place, found = waiting.pop()
        if isinstance(found, str):
            if runs_program(found) and renders(found):
                yield place, found
        elif isinstance(found, Mapping):
            waiting += [(join(place, str(key)), item) for key, item in found.items()]
        elif isinstance(found, (list, tuple)):
            waiting += [(f"{place}[{number}]", item) for number, item in enumerate(found)]


def runs_program(text: str) -> bool:
    """Tell whether a template calls a lookup that runs a program, or one without a plain name."""
    called = " ".join(TEMPLATE.findall(text))
    names = [match.group("name") for match in LOOKUP.finditer(called)]
    return any(name is None or name.rpartition(".")[2] in PROGRAMS for name in names)


def read_vault_problems(paths: Iterable[str], public: Iterable[Path] = ()) -> list[Problem]:
    """Files with a vault's password that others than their owner can read or exchange.

    A missing one is told by Ansible. ``public`` are passwords that are no secret.
    """
    known = {str(path) for path in public}
    return [
        Problem(str(path), reason, f"chmod 600 {path}")
        for path in map(os.path.abspath, paths)
        if path not in known
        for reason in [read_vault_exposure(Path(path))]
        if reason
    ]


def read_vault_exposure(path: Path) -> str:
    """Why a file is no place for a secret; empty for one that is its owner's alone."""
    try:
        status = path.stat()
    except OSError:
        return ""
    if not stat.S_ISREG(status.st_mode):
        return ""
    mode = stat.S_IMODE(status.st_mode)
    if status.st_uid not in (0, os.geteuid()):
        return f"the vault password belongs to user {status.st_uid}"
    if mode & 0o022 or (mode & 0o044 and not mode & 0o111):
        return f"the vault password can be read or changed by others (mode {mode:04o})"
    return ""
