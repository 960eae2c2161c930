"""A line that is written is on the disk before anybody is told so."""

from __future__ import annotations

import os


def append_line(descriptor: int, line: bytes) -> None:
    """Append a line by one write, which O_APPEND keeps whole beside other writers, and sync it.

    Raises OSError when not all of it was written.
    """
    written = os.write(descriptor, line)
    if written != len(line):
        raise OSError(f"{written} of {len(line)} bytes were written")
    os.fdatasync(descriptor)
