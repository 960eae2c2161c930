"""What this release offers beyond the base service; a later release replaces this file."""

from __future__ import annotations

from abathur.operation import Operation

OPERATIONS: tuple[Operation, ...] = ()
