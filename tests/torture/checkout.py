"""What a world and a result were made with: this checkout, by all that its runs and cases read."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.torture.command import ROOT

READ = (
    "ansible.cfg",
    "deploy.yml",
    "dist",
    "examples",
    "inventories",
    "library",
    "playbooks",
    "plugins",
    "requirements.lock",
    "roles",
    "systems",
    "tests/lab",
    "tests/scenario",
    "tests/torture",
)
MADE_BY_RUNNING = {"__pycache__", ".ansible", "artifacts"}


def checkout() -> str:
    """Name this checkout: a kept world starts what lies in it, by its place.

    A world of another checkout would start an interpreter that may be gone, and its ledgers would
    have the entries of other code.
    """
    return f"{ROOT} {sys.executable} {code()}"


@cache
def code() -> str:
    """Name what the checkout has in it, wherever it lies: the SHA-256 of the files that are read.

    What was covered by other code is not covered.
    """
    digest = hashlib.sha256()
    for path in sorted(file for name in READ for file in _files(ROOT / name)):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{content} {path.relative_to(ROOT)}\n".encode())
    return digest.hexdigest()


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
    elif path.is_dir():
        for child in path.iterdir():
            if child.name not in MADE_BY_RUNNING:
                yield from _files(child)
