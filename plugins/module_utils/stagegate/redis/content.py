"""What a server holds, told by digests that two servers with the same content share.

DUMP would be simpler, but it is not the same twice: it writes a set or a hash in the order of its
table, and that has another seed in each process. Only streams, and types nobody here knows, are
digested by it. How long a key has yet to live is no part of its content.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ..errors import StepFailed
from .client import Client, Word
from .server import first_refusal, key_counts

BATCH = 500
"""Keys in one pipeline: few enough that large values do not pile up."""

MODULUS = 1 << 256

Command = Callable[[bytes], Sequence[Word]]

READERS: dict[bytes, Command] = {
    b"string": lambda key: ("GET", key),
    b"list": lambda key: ("LRANGE", key, 0, -1),
    b"set": lambda key: ("SMEMBERS", key),
    b"hash": lambda key: ("HGETALL", key),
    b"zset": lambda key: ("ZRANGE", key, 0, -1, "WITHSCORES"),
}
"""How each type is read; by DUMP where there is nothing here."""


@dataclass(frozen=True)
class Item:
    """One key: the digest of its content, its type, and whether it goes away by itself."""

    digest: bytes
    type: str
    volatile: bool


@dataclass
class Content:
    """All keys of a server; ``sha256`` is of those that stay, in no order, ``volatile`` of others.

    ``databases`` is the number of keys by database.
    """

    databases: dict[str, int] = field(default_factory=dict)
    keys: int = 0
    volatile_keys: int = 0
    sha256: str = ""
    volatile_sha256: str = ""

    def plain(self) -> dict[str, Any]:
        """As a manifest keeps it."""
        return asdict(self)

    @property
    def lasting(self) -> int:
        """How many keys do not go away by themselves."""
        return self.keys - self.volatile_keys


def read_content(client: Client) -> Content:
    """Read every key of every database; nobody may write meanwhile. It ends at database 0."""
    content = Content()
    sums = {False: 0, True: 0}
    for database in sorted(key_counts(client)):
        items = 0
        for _, item in all_items(client, database):
            items += 1
            content.volatile_keys += item.volatile
            sums[item.volatile] = (sums[item.volatile] + as_number(item.digest)) % MODULUS
        content.databases[str(database)] = items
        content.keys += items
    client.call("SELECT", 0)
    content.sha256 = f"{sums[False]:064x}"
    content.volatile_sha256 = f"{sums[True]:064x}"
    return content


def as_number(digest: bytes) -> int:
    """A digest as a number: added up, the order of the keys does not matter."""
    return int.from_bytes(digest, "big")


def all_items(client: Client, database: int) -> Iterator[tuple[bytes, Item]]:
    """Every key of a database with what it holds, each once."""
    seen: set[bytes] = set()
    for batch in key_batches(client, database):
        # SCAN may name a key twice while a table changes its size.
        fresh = [key for key in dict.fromkeys(batch) if short(key) not in seen]
        seen.update(short(key) for key in fresh)
        for key, item in describe(client, database, fresh).items():
            if item is not None:
                yield key, item


def short(key: bytes) -> bytes:
    """What is remembered of a key that was seen: long keys cost no more than short ones."""
    return key if len(key) <= 16 else hashlib.blake2b(key, digest_size=16).digest()


def key_batches(client: Client, database: int) -> Iterator[list[bytes]]:
    """All keys of a database, some at a time."""
    cursor = b"0"
    while True:
        client.call("SELECT", database)
        cursor, keys = client.call("SCAN", cursor, "COUNT", BATCH)
        yield keys
        if cursor == b"0":
            return


def describe(client: Client, database: int, keys: Sequence[bytes]) -> dict[bytes, Item | None]:
    """What each key holds; None for one that is not there (any more)."""
    client.call("SELECT", database)
    asked: list[Sequence[Word]] = [("TYPE", key) for key in keys]
    answers = checked(client, [*asked, *(("PTTL", key) for key in keys)])
    types, lives = answers[: len(keys)], answers[len(keys) :]
    values = checked(client, [reader(kind)(key) for key, kind in zip(keys, types)])
    found: dict[bytes, Item | None] = {}
    for key, kind, life, value in zip(keys, types, lives, values):
        gone = kind == b"none" or value is None or life == -2
        digest = b"" if gone else digest_of(database, key, kind, value)
        found[key] = None if gone else Item(digest, kind.decode(), life != -1)
    return found


def reader(kind: bytes) -> Command:
    """How a type is read."""
    return READERS.get(kind, lambda key: ("DUMP", key))


def checked(client: Client, commands: Sequence[Sequence[Word]]) -> list[Any]:
    """The answers of a pipeline. Raises StepFailed for the first refusal."""
    answers = client.pipeline(commands)
    refusal = first_refusal(answers)
    if refusal is not None:
        raise StepFailed(
            f"a key of Redis at {client.place} cannot be read: {refusal}",
            now="nothing was changed",
            untouched="the data of the store",
            next="see whether somebody still writes to it",
        )
    return answers


def digest_of(database: int, key: bytes, kind: bytes, value: Any) -> bytes:
    """The SHA-256 of one key's place, type and value; each part with its length before it."""
    hashed = hashlib.sha256()
    for part in (b"%d" % database, key, kind, *in_order(kind, value)):
        hashed.update(b"%d:" % len(part))
        hashed.update(part)
    return hashed.digest()


def in_order(kind: bytes, value: Any) -> Iterable[bytes]:
    """The parts of a value; those of a set and of a hash, which have no order, sorted."""
    if kind == b"set":
        return sorted(value)
    if kind == b"hash":
        pairs = sorted(zip(value[::2], value[1::2]))
        return [part for pair in pairs for part in pair]
    return value if isinstance(value, list) else [value]
