"""Look for every acknowledged message; exit status 1 when one is lost.

A message counts as lost when the service does not have it, or has another text. Those that an
operator accepted to lose, exported by the rollback as JSON lines (--accepted-delta), are counted
apart.
"""

from __future__ import annotations

import argparse
import csv
import http.client
import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from acknowledged import Entry, digest_of, read_log

LOST_SHOWN = 10
TRIES = 5
PAUSE = 0.5  # seconds between two tries


class Service:
    """Asks the service over one connection, made anew when it breaks."""

    def __init__(self, url: str) -> None:
        self._address = urlsplit(url).netloc
        self._connection = http.client.HTTPConnection(self._address, timeout=30)

    def text_of(self, key: str) -> str | None:
        """Return the text of a message, None when there is no such message."""
        status, answer = self._get(f"/messages/{quote(key)}")
        if status == 404:
            return None
        if status != 200:
            raise OSError(f"GET /messages/{key} answered {status}: {answer[:200]!r}")
        text: str = json.loads(answer)["text"]
        return text

    def _get(self, path: str) -> tuple[int, bytes]:
        # A read can be repeated: a proxy closes idle connections, and may have no server just now.
        for last in [False] * (TRIES - 1) + [True]:
            try:
                self._connection.request("GET", path)
                answer = self._connection.getresponse()
                body = answer.read()
            except (OSError, http.client.HTTPException):
                self._connection.close()
                if last:
                    raise
            else:
                if answer.status < 502 or last:
                    return answer.status, body
            time.sleep(PAUSE)
        raise AssertionError("the last try returns or raises")


def given_up(delta: Path | None) -> set[str]:
    """Return the keys of the messages in an exported delta.

    A line is `{"table", "op": added|changed|deleted, "row"}`; what was deleted was not given up.
    """
    if delta is None:
        return set()
    lines = [json.loads(line) for line in delta.read_text(encoding="utf-8").splitlines()]
    return {
        line["row"]["key"]
        for line in lines
        if line["table"].rpartition(".")[2] == "messages" and line["op"] != "deleted"
    }


def check(
    service: Service, entries: Iterable[Entry], accepted: set[str]
) -> tuple[int, int, list[Entry]]:
    """Return how many were acknowledged, how many missing ones are accepted, which are lost."""
    number, waived, lost = 0, 0, []
    for number, entry in enumerate(entries, 1):  # noqa: B007 - the last number is the count
        text = service.text_of(entry["key"])
        if text is not None and digest_of(text) == entry["sha256"]:
            continue
        if entry["key"] in accepted:
            waived += 1
        else:
            lost.append(entry)
    return number, waived, lost


def failed_requests(stats: Path) -> tuple[int, dict[str, int]]:
    """Return the number of requests in Locust's statistics, and the failed ones by name.

    Reads what `--csv` writes (the file ending in _stats.csv), and what `--json-file` does.
    """
    text = stats.read_text(encoding="utf-8")
    if stats.suffix == ".csv":
        rows = [row for row in csv.DictReader(text.splitlines()) if row["Name"] != "Aggregated"]
        names = ("Type", "Name", "Request Count", "Failure Count")
    else:
        rows = json.loads(text)
        names = ("method", "name", "num_requests", "num_failures")
    found: list[list[Any]] = [[row[name] for name in names] for row in rows]
    failed = {f"{method} {name}": int(bad) for method, name, _, bad in found if int(bad)}
    return sum(int(requests) for _, _, requests, _ in found), failed


def main() -> int:
    """Check from the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True, help="the service, or the proxy before it")
    parser.add_argument("--log", type=Path, required=True, help="the users' log")
    parser.add_argument("--accepted-delta", type=Path, help="rows that may be missing")
    parser.add_argument("--stats", type=Path, help="Locust's statistics: tell what failed")
    given = parser.parse_args()
    if given.stats:
        requests, failed = failed_requests(given.stats)
        for name, number in sorted(failed.items()):
            print(f"failed: {name}: {number}")
        print(f"requests: {requests}  failed: {sum(failed.values())}")
    accepted = given_up(given.accepted_delta)
    number, waived, lost = check(Service(given.url), read_log(given.log), accepted)
    for entry in lost[:LOST_SHOWN]:
        print(f"lost: {json.dumps(entry)}")
    if len(lost) > LOST_SHOWN:
        print(f"lost: {len(lost) - LOST_SHOWN} more")
    if waived:
        print(f"accepted as lost: {waived}")
    print(f"acknowledged writes: {number}  lost: {len(lost)}")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
