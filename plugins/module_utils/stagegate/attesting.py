"""A person's word on a run, added to its ledger."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from .errors import Refused
from .history import summarize
from .journal import Run, open_journal


def attest_run(run: Run, word: dict[str, Any]) -> dict[str, Any]:
    """Add a word to the run of this id, and give all entries of that run.

    The word is bound to the digest of the plan with which the run was opened. The same word of the
    same person adds nothing. Raises Refused when no such run was begun here.
    """
    with open_journal(run) as journal:
        mine = journal.of_run()
        if not summarize(run.id, mine).plan:
            raise Refused(
                f"no run {run.id} was begun on {run.host}",
                now="nothing was written down",
                untouched="every service and all data",
                next="name a run that has a record: -e run=<the name of its folder in artifacts>",
            )
        opened = next(e for e in mine if (e.phase, e.step) == ("preflight", "open"))
        told = {**word, "digest": str(opened.state.get("plan_digest") or "")}
        given = [e.evidence.get("attestation", {}) for e in mine if e.phase == "attest"]
        same = [(g.get("role"), g.get("name")) for g in given]
        new = (word["role"], word["name"]) not in same
        if new:
            journal.note("attest", str(word["role"]), {"attestation": told})
        return {"changed": new, "entries": [asdict(entry) for entry in journal.of_run()]}
