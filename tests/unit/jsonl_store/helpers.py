"""A host whose store is one JSONL file, and a service that appends to it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.unit.plain.host import Host, make_link

KINDS = {
    "kinds": [
        {"name": "second", "when": {"has": ["id", "tags"]}},
        {"name": "first", "when": {"has": ["id"], "lacks": ["tags"]}},
    ]
}
READS = {"1.0": ["first"], "1.1": ["first", "second"]}
OPTIONS = {"key": "id", "rules": KINDS, "reads": READS}


def fact(number: int, **more: Any) -> dict[str, Any]:
    """One record."""
    return {"id": f"f{number:04}", "title": f"fact {number}: \u2028 ok", **more}


def lines(records: Iterable[dict[str, Any]]) -> bytes:
    """Records as the service writes them."""
    return b"".join(json.dumps(r, ensure_ascii=False).encode() + b"\n" for r in records)


def make_host(place: Path, number: int = 20, **options: Any) -> Host:
    """A host whose file is live in a generation."""
    host = Host(place, "jsonl", "entries.jsonl", options={**OPTIONS, **options})
    host.old.parent.mkdir(parents=True)
    host.old.write_bytes(lines(fact(n) for n in range(number)))
    make_link(host)
    return host


def append(host: Host, *records: dict[str, Any]) -> None:
    """What the service does."""
    with host.live.open("ab") as out:
        out.write(lines(records))


def records(path: Path) -> list[dict[str, Any]]:
    """What a service reads."""
    return [json.loads(line) for line in path.read_bytes().split(b"\n") if line]


WRITER = """
import json, os, sys
out = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND)
done = open(sys.argv[2], "a", buffering=1)
print("ready", flush=True)
n = 0
while True:
    line = json.dumps({"id": f"w{n:06}", "title": "x" * (n % 300)}).encode() + b"\\n"
    half = len(line) // 2
    os.write(out, line[:half])
    os.write(out, line[half:])
    done.write(f"{n}\\n")
    n += 1
"""
