"""Which keys differ between an image and the present, one by one, and kept so that they return."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..files import fsync_dir, make_private_dir
from .client import Client
from .content import Item, checked, describe, key_batches
from .server import key_counts

ADDED, CHANGED, DELETED = "added", "changed", "deleted"


@dataclass(frozen=True)
class Differing:
    """One key whose content is not the same on both sides."""

    database: int
    key: bytes
    op: str
    type: str


@dataclass(frozen=True)
class Delta:
    """How many keys differ, in all and per database by ``added, changed, deleted``; their file."""

    count: int
    databases: dict[str, dict[str, int]]
    file: str
    sha256: str


def differences(image: Client, present: Client) -> Iterator[Differing]:
    """Every key that differs, once; both sides must be at rest.

    A key that goes away by itself between the two looks is no difference, and neither is the time
    that a key has yet to live.
    """
    seen: set[tuple[int, bytes]] = set()
    for database in sorted({*key_counts(image), *key_counts(present)}):
        for found in surplus(present, image, database, ADDED):
            seen.add((database, found.key))
            yield found
        for found in surplus(image, present, database, DELETED):
            if (database, found.key) not in seen:
                seen.add((database, found.key))
                yield found


def surplus(mine: Client, other: Client, database: int, op: str) -> Iterator[Differing]:
    """The keys of one side that the other lacks (``op``) or holds with other content (changed)."""
    seen: set[bytes] = set()
    for batch in key_batches(mine, database):
        here = describe(mine, database, batch)
        there = describe(other, database, batch)
        for key, item in here.items():
            if item is None or same(item, there[key]) or key in seen:
                continue
            seen.add(key)
            if still(mine, database, key, item) and still(other, database, key, there[key]):
                kind = op if there[key] is None else CHANGED
                yield Differing(database, key, kind, item.type)


def same(one: Item, other: Item | None) -> bool:
    """True for the same content."""
    return other is not None and one.digest == other.digest


def still(client: Client, database: int, key: bytes, item: Item | None) -> bool:
    """False for a key that went away by itself since it was looked at."""
    if item is None or not item.volatile:
        return True
    return describe(client, database, [key])[key] is not None


def export_delta(image: Client, present: Client, target: Path) -> Delta:
    """Write every key that differs as a line of JSON, durable; count them.

    A line is ``{"db", "key", "op", "type", "expires_at", "payload"}``: the payload is what DUMP
    says of the present value, or of the former one when it was deleted, so that ``RESTORE key
    expires_at payload ABSTTL`` brings it back. Keys and payloads are base64; ``expires_at`` is in
    milliseconds since 1970, 0 for a key that stays.
    """
    make_private_dir(target.parent)
    aside = target.with_name(f".{target.name}.new")
    aside.unlink(missing_ok=True)
    databases: dict[str, dict[str, int]] = {}
    digest = hashlib.sha256()
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(aside, flags, 0o600), "wb") as out:
        for found in differences(image, present):
            side = image if found.op == DELETED else present
            text = json.dumps(line_of(side, found), sort_keys=True).encode() + b"\n"
            digest.update(text)
            out.write(text)
            counts = databases.setdefault(str(found.database), {ADDED: 0, CHANGED: 0, DELETED: 0})
            counts[found.op] += 1
        out.flush()
        os.fsync(out.fileno())
    aside.rename(target)
    fsync_dir(target.parent)
    count = sum(sum(counts.values()) for counts in databases.values())
    return Delta(count, databases, str(target), digest.hexdigest())


def line_of(side: Client, found: Differing) -> dict[str, Any]:
    """One key as it can be put back."""
    side.call("SELECT", found.database)
    payload, expires = checked(side, [("DUMP", found.key), ("PEXPIRETIME", found.key)])
    return {
        "db": found.database,
        "key": base64.b64encode(found.key).decode(),
        "op": found.op,
        "type": found.type,
        "expires_at": max(0, int(expires)),
        "payload": base64.b64encode(payload or b"").decode(),
    }
