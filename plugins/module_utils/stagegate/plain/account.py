"""The account of migrations, ``.migrations.json``: it lies beside the data and goes with them."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import BadInput
from ..files import write_json
from ..store.copying import copy_file, open_plain

ACCOUNT = ".migrations.json"
LIMIT = 1 << 20
"""Bytes that an account may have; more is none."""


@dataclass(frozen=True)
class Applied:
    """One migration that was applied: its file's name and digest, and when, in UTC."""

    name: str
    sha256: str
    when: str


def account_of(place: Path) -> Path:
    """Where the account of these data lies."""
    return place.with_name(ACCOUNT)


def read_account(place: Path) -> tuple[Applied, ...]:
    """What was applied to these data, in order; nothing when there is no account.

    Raises BadInput for one that is not exactly what was written: a service could write there.
    """
    path = account_of(place)
    if not os.path.lexists(path):
        return ()
    with os.fdopen(open_plain(path), "rb") as handle:
        text = handle.read(LIMIT + 1)
    try:
        listed = json.loads(text)["applied"]
        applied = tuple(Applied(**one) for one in listed)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise damaged(path, "it is no account of migrations") from error
    if len(text) > LIMIT or not all(isinstance(v, str) for a in applied for v in vars(a).values()):
        raise damaged(path, "it is no account of migrations")
    names = [one.name for one in applied]
    if names != sorted(set(names)):
        raise damaged(path, "its migrations stand in no order, or twice")
    return applied


def write_account(place: Path, applied: tuple[Applied, ...]) -> None:
    """Replace the account of these data, wholly or not at all."""
    listed: list[dict[str, Any]] = [dict(vars(one)) for one in applied]
    write_json(account_of(place), {"applied": listed})


def copy_account(source: Path, target: Path) -> str:
    """Copy the account of one place beside another; its digest, empty when there is none."""
    path = account_of(source)
    if not os.path.lexists(path):
        return ""
    copy_file(path, account_of(target))
    return digest_account(target)


def digest_account(place: Path) -> str:
    """The digest of an account; empty when there is none."""
    path = account_of(place)
    if not os.path.lexists(path):
        return ""
    with os.fdopen(open_plain(path), "rb") as handle:
        return hashlib.sha256(handle.read()).hexdigest()


def damaged(path: Path, reason: str) -> BadInput:
    """The words for an account that nobody may rely on."""
    return BadInput(
        f"{path} cannot be relied on: {reason}",
        now="nothing was changed",
        untouched="every service and all data",
        next="put back the account that the last backup of this store holds",
    )
