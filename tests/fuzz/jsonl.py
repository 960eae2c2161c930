"""``python -m tests.fuzz.jsonl --inputs 1000000 --seed 1``: damaged files, judged by both parsers.

Nothing may be raised, both must say the same, and what is called good must be good to a plain
reading that shares no code with either.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from stagegate.jsonl.model import ACCEPT, KINDS, Report
from stagegate.jsonl.rules import Rules
from stagegate.jsonl.scan import run_scan
from tests.unit.jsonl.cases import CASES
from tests.unit.jsonl.corpus import BAD, GOOD

LARGEST = 3000
"""Bytes of a case beyond which it is no seed: large ones cost time and find nothing more."""

WORDS = [
    b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"\n", b"\r", b"\r\n", b"\0", b" ", b"\t",
    b'":', b'" :', b"\\u003a", b"\\ud800", b"\\u0061", b"\xef\xbb\xbf", b"\xc0\xaf", b"\xff",
    b"\xe2\x80\xa8", b"e-400", b"E-0100", b"e400", b"0000000000000000", b"9223372036854775808",
    b".", b"-", b"NaN", b"7205759403792793", b',"a":1', b'{"a":', b'"a":', b"\n7205759403792793\n",
    b"{}", b"[[[[[[[[", b"]]]]]]]]", b"1e-320", b"0.1000000000000000055", b"null", b"\x0b", b"\x7f",
]  # fmt: skip

ACCEPTING = Rules(policy={kind: ACCEPT for kind, (acceptable, _) in KINDS.items() if acceptable})
RULES = [
    Rules(),
    Rules(),
    Rules(),
    ACCEPTING,
    replace(ACCEPTING, final_newline="optional"),
    Rules(deepest=3, longest_line=60),
]


def seeds() -> list[bytes]:
    """Files to begin with: every case, every value as a line, and records as they are usual."""
    usual = [
        b'{"id":"8e-1234","title":"a: b","n":[1,0.5,-3],"when":"2025-11-01T12:30:00"}\n' * 20,
        b'{"id": "5e8", "title": "na\\u00efve", "tags": [], "score": 0.7, "last": null}\n' * 20,
        b'{"a":{"b":[{"c":1,"d":{"e":"f"}}]},"g":"\\"x\\":"}\n{"a":[{}]}\n{"b":[[1],[2]]}\n',
    ]
    values = [b'{"a":%b}\n' % value for value in (*GOOD, *BAD) if len(value) < LARGEST]
    return [*usual, *values, *(case.data for case in CASES if len(case.data) < LARGEST)]


def damaged(chance: random.Random, known: list[bytes]) -> bytes:
    """A file made of one or two seeds, damaged a few times."""
    data = bytearray(chance.choice(known))
    if chance.random() < 0.3:
        data += chance.choice(known)
    for _ in range(chance.choice((0, 1, 1, 1, 2, 3, 8))):
        damage(chance, data)
    return bytes(data)


def damage(chance: random.Random, data: bytearray) -> None:
    """One change: a bit, a byte, a word put in or over others, a range lost, doubled or cut off."""
    place = chance.randrange(len(data) + 1)
    stop = min(len(data), place + chance.choice((1, 1, 2, 4, 16, 64)))
    kind = chance.randrange(7)
    if kind == 0 and place < len(data):
        data[place] ^= 1 << chance.randrange(8)
    elif kind == 1:
        data[place:place] = bytes([chance.randrange(256)])
    elif kind == 2:
        data[place:place] = chance.choice(WORDS)
    elif kind == 3:
        data[place:stop] = chance.choice(WORDS)
    elif kind == 4:
        del data[place:stop]
    elif kind == 5:
        data[place:place] = data[place:stop] * chance.choice((1, 1, 5))
    else:
        del data[place:]


def run_fuzz(inputs: int, seed: int, place: Path) -> Counter[str]:
    """Judge so many files; returns how often each kind was found. Raises AssertionError."""
    chance, known, found = random.Random(seed), seeds(), Counter[str]()
    with place.open("wb", buffering=0) as file:  # emptying it anew would wait for the disk
        for number in range(inputs):
            data, rules = damaged(chance, known), chance.choice(RULES)
            os.pwrite(file.fileno(), data, 0)
            os.ftruncate(file.fileno(), len(data))
            strict = run_scan(place, replace(rules, parser="json"))
            quick = run_scan(place, replace(rules, parser="orjson"))
            told = replace(quick, parser=strict.parser, rules=strict.rules)
            assert told == strict, (number, data, strict, quick)
            plainly_right(data, strict, number)
            found.update(strict.counts or ["good"])
    return found


def plainly_right(data: bytes, report: Report, number: int) -> None:
    """Hold a verdict against a plain reading."""
    assert report.lines == data.count(b"\n") + (not data.endswith(b"\n") and bool(data)), number
    for finding in report.findings:
        assert data[: finding.offset].count(b"\n") + 1 == finding.line, (number, data, finding)
        assert finding.offset + finding.length <= len(data), (number, data, finding)
        assert b"\n" not in data[finding.offset : finding.offset + finding.length], (number, data)
    if report.good and not report.accepted and report.rules.final_newline == "required":
        for line in data.split(b"\n")[:-1]:
            assert is_record(line), (number, data, line)


def is_record(line: bytes) -> bool:
    """True when a line is an object that comes back as it was."""
    pairs = 0

    def counted(found: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal pairs
        pairs += len(found)
        return dict(found)

    record = json.loads(line.decode("utf-8"), object_pairs_hook=counted)
    back = json.loads(json.dumps(record, allow_nan=False, ensure_ascii=False).encode("utf-8"))
    numbers = [value for value in leaves(record) if type(value) in (int, float)]
    fits = all(-(2**63) <= n < 2**63 for n in numbers if type(n) is int)
    finite = all(math.isfinite(number) for number in numbers)
    return isinstance(record, dict) and back == record and pairs == size(record) and fits and finite


def size(value: Any) -> int:
    """The pairs of all objects in a value."""
    if isinstance(value, dict):
        return len(value) + sum(size(inner) for inner in value.values())
    return sum(size(inner) for inner in value) if isinstance(value, list) else 0


def leaves(value: Any) -> Iterator[Any]:
    """Everything in a value that is neither object nor array."""
    if isinstance(value, (dict, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from leaves(inner)
    else:
        yield value


def main() -> int:
    """Judge, and say what was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.jsonl", description=__doc__)
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        found = run_fuzz(given.inputs, given.seed, Path(directory) / "fuzz.jsonl")
    seconds = time.monotonic() - begin
    counted = ", ".join(f"{number} {kind}" for kind, number in found.most_common())
    print(f"{given.inputs} files of seed {given.seed} in {seconds:.0f} s: {counted}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
