"""``python -m tests.fuzz.ledger --inputs 1000000 --seed 1``: damaged ledgers, some sealed anew.

Reading one gives whole entries or BadInput, and nothing else; what it gives is well formed, and is
what the file begins with.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import tempfile
import zlib
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from stagegate.errors import BadInput
from stagegate.ledger import GENESIS, KINDS, Entry, Ledger, canonical, read_ledger
from tests.fuzz.jsonl import damage
from tests.fuzz.values import value
from tests.fuzz.words import run_main

DEEP = b"[" * 100_000
LENGTHS = (0, 1, 2, 5)


def ledger_of(entries: list[dict[str, Any]]) -> bytes:
    """Entries as a file, each sealed and chained to the one before, whatever is in them."""
    lines, head = [], GENESIS
    for entry in entries:
        chained = {**entry, "prev": entry["prev"] if "broken" in entry else head}
        body = canonical(chained)
        lines.append(canonical({**chained, "crc": zlib.crc32(body)}))
        head = hashlib.sha256(lines[-1]).hexdigest()
    return b"".join(line + b"\n" for line in lines)


def good(chance: random.Random) -> list[dict[str, Any]]:
    """A few entries as the product writes them."""
    first = Entry(1, "20251126T193000Z-0a1b", 1, "h1", "release", "stage", "intent")
    count = chance.choice(LENGTHS)
    state = {"path": "/srv/demo", "digest": "0" * 64}
    return [
        json.loads(
            canonical(vars(replace(first, seq=n + 1, kind=chance.choice(KINDS), state=state)))
        )
        for n in range(count)
    ]


def spoiled(chance: random.Random) -> bytes:
    """A ledger with a wrong field under right seals, or with damaged bytes, or with both."""
    entries = good(chance)
    for entry in entries:
        if chance.random() < 0.3:
            key = chance.choice([*entry, "unknown", "broken"])
            entry[key] = value(chance)
        if chance.random() < 0.05:
            entry.pop(chance.choice([key for key in entry if key != "prev"]))
    data = bytearray(ledger_of(entries))
    for _ in range(chance.choice((0, 0, 1, 2))):
        damage(chance, data)
    if chance.random() < 0.001:
        data[:0] = DEEP + chance.choice((b"", b"\n", b"\n{}\n"))
    return bytes(data)


def read(place: Path) -> tuple[Ledger | None, BadInput]:
    """The ledger in a file, or the refusal to read it."""
    try:
        return read_ledger(place), BadInput("")
    except BadInput as error:
        return None, error


def run_fuzz(inputs: int, seed: int, place: Path) -> Counter[str]:
    """Read so many files; returns how they were judged. Raises AssertionError."""
    chance, found = random.Random(seed), Counter[str]()
    with place.open("wb", buffering=0) as file:
        for number in range(inputs):
            data = spoiled(chance)
            os.pwrite(file.fileno(), data, 0)
            os.ftruncate(file.fileno(), len(data))
            ledger, refusal = read(place)
            if ledger is None:
                other = "is of another version" in refusal.what
                assert refusal.code == (12 if other else 30), (number, data)
                assert str(place) in refusal.what, (number, data)
                found["refused"] += 1
                continue
            again = b"".join(entry.line() + b"\n" for entry in ledger.entries)
            assert again == data[: ledger.valid_bytes], (number, data)
            assert data[ledger.valid_bytes :] == ledger.torn, (number, data)
            assert [entry.seq for entry in ledger.entries] == list(
                range(1, len(ledger.entries) + 1)
            )
            assert all(isinstance(entry.state, dict) for entry in ledger.entries), (number, data)
            found["torn" if ledger.torn else "whole"] += 1
    return found


def main() -> int:
    """Read, and say what was found."""
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory) / "ledger.jsonl"
        return run_main("ledger", __doc__, lambda n, seed: run_fuzz(n, seed, place))


if __name__ == "__main__":
    raise SystemExit(main())
