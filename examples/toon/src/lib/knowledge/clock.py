"""Time stamps: UTC, microseconds, one fixed width, so that they sort as text."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone


def now() -> str:
    """Return the present as `2026-01-31T12:00:00.000000Z`."""
    return _stamp(datetime.now(timezone.utc))


def after(earlier: str) -> str:
    """Return the present, but always later than `earlier`: a row's stamp also tells its version."""
    present = now()
    if present > earlier:
        return present
    return _stamp(datetime.fromisoformat(earlier) + timedelta(microseconds=1))


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
