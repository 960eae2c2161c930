"""Look for every acknowledged write; exit status 1 when one is lost.

A fact counts as lost when it is not there, or has another title, summary, score or tags, and one
that was removed when it is there again; a context when it is not there or has other facts than
those of its last acknowledged rendering.
"""

from __future__ import annotations

import argparse
import http.client
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from acknowledged import Entry, read_log

KINDS = ("fact", "removed", "context")
LOST_SHOWN = 10


class Service:
    """What is stored, as the service tells it."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)

    def get(self, path: str) -> dict[str, Any] | None:
        """Return what is there; None for what is not, or cannot be read."""
        self._connection.request("GET", quote(path))
        answer = self._connection.getresponse()
        text = answer.read()
        if answer.status not in (200, 404, 500):
            raise OSError(f"GET {path} answered {answer.status}: {text[:200].decode()}")
        return json.loads(text) if answer.status == 200 else None


def is_there(service: Service, entry: Entry, removed: set[str], last: dict[str, Entry]) -> bool:
    """Say whether an acknowledged write still holds, or was undone by a later one."""
    if entry["kind"] == "removed":
        return service.get(f"/facts/{entry['id']}") is None
    if entry["kind"] == "fact":
        fact = entry["fact"]
        found = None if fact["id"] in removed else service.get(f"/facts/{fact['id']}")
        return fact["id"] in removed or (found is not None and fact.items() <= found.items())
    if last[entry["name"]] is not entry:
        return True
    context = service.get(f"/contexts/{entry['name']}")
    return context is not None and entry["tags"] == {
        fact["id"]: fact["tags"] for fact in context["facts"]
    }


def check(service: Service, entries: Iterable[Entry]) -> tuple[int, list[Entry]]:
    """Return how many writes were acknowledged, and those that are lost."""
    writes = [entry for entry in entries if entry["kind"] in KINDS]
    removed = {entry["id"] for entry in writes if entry["kind"] == "removed"}
    last = {entry["name"]: entry for entry in writes if entry["kind"] == "context"}
    lost = [entry for entry in writes if not is_there(service, entry, removed, last)]
    return len(writes), lost


def main() -> int:
    """Check from the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True, help="the service")
    parser.add_argument("--log", type=Path, required=True, help="the writer's log")
    given = parser.parse_args()
    number, lost = check(Service(given.url), read_log(given.log))
    for entry in lost[:LOST_SHOWN]:
        print(f"lost: {json.dumps(entry)}")
    if len(lost) > LOST_SHOWN:
        print(f"lost: {len(lost) - LOST_SHOWN} more")
    print(f"acknowledged writes: {number}  lost: {len(lost)}")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
