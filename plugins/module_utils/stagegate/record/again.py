"""A record with what people said of the run after it was written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .account import mapping, read_account
from .checklist import Proved, bind
from .message import nothing_but_words
from .signed import awaited, sign_offs

BETWEEN = re.compile(r", (?=(?:smoke|gate|step|attest|later):)")
"""Where the proofs of a line meet in a record."""


def with_words(
    record: Mapping[str, Any], entries: Mapping[str, object], declared: object
) -> dict[str, Any]:
    """The record with the words that its hosts' ledgers have and it has not; all else stays.

    ``entries``: all ledger entries of the run by host; only words are taken from them.
    ``declared``: the system's sign-offs, as they are now.
    """
    run = str(record["run"])
    hosts = {
        h: {**told, "entries": added(h, told, entries, run)} for h, told in record["hosts"].items()
    }
    accounts = [read_account(host, told["entries"], run) for host, told in hosts.items()]
    words = sign_offs(accounts, declared)
    lines = [{**line, "proof": BETWEEN.split(line["proof"])} for line in record["checklist"]]
    proved = Proved(accounts, {host: told["smoke"] for host, told in hosts.items()})
    message = dict(record["message"])
    if record["verdict"] == "deployed":
        message["next"] = "\n".join(nothing_but_words({**record, "awaited": awaited(words)}))
    return {
        **record,
        "hosts": hosts,
        "sign_offs": words,
        "checklist": bind(lines, proved),
        "message": message,
    }


def added(
    host: str, told: Mapping[str, Any], entries: Mapping[str, object], run: str
) -> list[dict[str, Any]]:
    """A host's entries with the words that came later."""
    known = {entry["seq"] for entry in told["entries"]}
    now = read_account(host, entries.get(host, []), run).entries
    later = [e for e in now if e["phase"] == "attest" and e["seq"] not in known]
    return [*map(mapping, told["entries"]), *later]
