"""Hosts in memory, where there is room."""

from __future__ import annotations

from tests.unit.sqlite.conftest import tmp_path

__all__ = ["tmp_path"]
