"""Filling a disk, on a file system of any kind."""

from __future__ import annotations

import errno
import os

import pytest

from tests.lab import ballast


class Disk:
    """A disk that keeps some of the free space it shows to itself, as ext4 does for metadata."""

    def __init__(self, free, hidden):
        self.free, self.hidden, self.size = free, hidden, 0

    def posix_fallocate(self, _descriptor, offset, length):
        assert offset == self.size
        if length > self.free - self.hidden:
            raise OSError(errno.ENOSPC, "full")
        self.size += length
        self.free -= length

    def ftruncate(self, _descriptor, size):
        self.free += self.size - size
        self.size = size


@pytest.mark.parametrize(
    ("free", "hidden", "leave", "left"),
    [
        (1 << 30, 0, 0, 0),
        (1 << 30, 0, 1 << 20, 1 << 20),
        (1 << 30, 65536, 0, 65536),
        ((1 << 20) + 100, 0, 0, 100),
        (4096, 0, 8192, 4096),
        (0, 0, 0, 0),
    ],
)
def test_a_disk_is_filled_to_what_is_to_be_left(monkeypatch, free, hidden, leave, left):
    disk = Disk(free, hidden)
    monkeypatch.setattr(os, "posix_fallocate", disk.posix_fallocate)
    monkeypatch.setattr(os, "ftruncate", disk.ftruncate)
    monkeypatch.setattr(ballast, "_free", lambda _where: disk.free)
    ballast._allocate(0, leave)
    assert left <= disk.free < left + ballast._BLOCK


def test_an_error_that_is_not_a_full_disk_is_not_swallowed(monkeypatch):
    def broken(*_):
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, "posix_fallocate", broken)
    monkeypatch.setattr(ballast, "_free", lambda _where: 1 << 20)
    with pytest.raises(OSError, match="broken"):
        ballast._allocate(0, 0)
