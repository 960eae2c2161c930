"""Files that are whole whenever they are there."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def write(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a file."""
    new = path.with_name(path.name + ".new")
    new.write_text(text, encoding="utf-8")
    new.chmod(mode)
    new.rename(path)


def end_with(path: Path, lines: str) -> None:
    """Let a file that exists end with these lines; its owner and mode stay."""
    text, now = path.read_text(encoding="utf-8"), path.stat()
    if text.endswith(lines):
        return
    new = path.with_name(path.name + ".new")
    new.write_text(text + lines, encoding="utf-8")
    os.chown(new, now.st_uid, now.st_gid)
    new.chmod(now.st_mode & 0o7777)
    new.rename(path)
