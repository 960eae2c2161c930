"""The core's tests write to memory where they can, and fill small file systems of their own."""

from __future__ import annotations

from tests.unit.sqlite.conftest import small_disk, tmp_path

__all__ = ["small_disk", "tmp_path"]
