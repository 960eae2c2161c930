"""Lines are collected, so that many of them cost one write."""

from __future__ import annotations

WAITING: list[bytes] = []


def append_line(_descriptor: int, line: bytes) -> None:
    """Take a line; it is written with those that follow."""
    WAITING.append(line)
