"""Extract facts from a review or a commit, through the service.

The service is the one writer of the knowledge base: what it does not run, it does not miss. Every
outcome is told twice, as one JSON line on standard output and as the exit status: 0 only when
something is stored, or when it was decided, and is said, that nothing is worth it.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import sys
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

TIMEOUT = 30.0
STATUS = {
    "stored": 0,
    "declined": 0,
    "below_score": 0,
    "too_short": 3,
    "unparsable": 4,
    "incomplete": 5,
    "refused": 64,  # EX_USAGE of sysexits.h
    "unavailable": 69,  # EX_UNAVAILABLE
    "failed": 70,  # EX_SOFTWARE
}


def ask(url: str, body: dict[str, Any]) -> dict[str, Any]:
    """Return what the service says became of it; `failed` and `unavailable` are said here."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=TIMEOUT)
    try:
        with closing(connection):
            connection.request("POST", "/extract", json.dumps(body))
            answer = connection.getresponse()
            told: dict[str, Any] = json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        return {"outcome": "unavailable", "detail": f"{url}: {type(error).__name__}: {error}"}
    if told.get("outcome") in STATUS:
        return told
    outcome = "refused" if answer.status < 500 else "failed"
    return {"outcome": outcome, "status": answer.status, "detail": told.get("detail", "")}


def main(_root: Path) -> int:
    """Run the program; returns the exit status."""
    parser = argparse.ArgumentParser(prog="fact-extract", description=__doc__)
    parser.add_argument("content", help="the text, or - for standard input")
    parser.add_argument("source_type", choices=("review", "commit"))
    parser.add_argument("focus", nargs="?", default="")
    parser.add_argument("--answer", type=Path, help="a file with the model's answer")
    usual = os.environ.get("TOON_URL", "http://127.0.0.1:8010")
    parser.add_argument("--url", default=usual, help=f"the service; {usual}")
    given = parser.parse_args()
    content = sys.stdin.read() if given.content == "-" else given.content
    body = {"content": content, "source_type": given.source_type, "focus": given.focus}
    if given.answer:
        body["answer"] = given.answer.read_text(encoding="utf-8")
    told = ask(given.url, body)
    print(json.dumps(told), flush=True)
    return STATUS[told["outcome"]]
