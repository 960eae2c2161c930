"""What the last runs of the proofs gave, and what follows from it for each row."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.faults.rows import ROOT, Row

PLACE = ROOT / "docs" / "fault-results.json"
GREEN, RED, NOT_RUN, NOT_INJECTED = "green", "red", "not run", "not injected"


@dataclass(frozen=True)
class Outcome:
    """What a proof, or a whole row, gave: green or red, on which day, in how many seconds.

    ``tests`` counts what was run: each set of parameters is one, each scenario is one. ``why`` says
    what was not green.
    """

    result: str
    date: str = ""
    seconds: float = 0.0
    tests: int = 0
    why: str = ""


def read_outcomes(place: Path = PLACE) -> dict[str, Outcome]:
    """The outcomes of the proofs by their keys; none before the first run."""
    if not place.exists():
        return {}
    kept = json.loads(place.read_text(encoding="utf-8"))["proofs"]
    return {key: Outcome(**value) for key, value in kept.items()}


def of_row(row: Row, outcomes: Mapping[str, Outcome]) -> Outcome:
    """Green when the last run of every proof was green; its date is that of the oldest.

    A row that names a proof which was never run is not run, whatever the others gave.
    """
    if row.not_injected:
        return Outcome(NOT_INJECTED)
    ran = [outcomes[proof.key] for proof in row.proofs if proof.key in outcomes]
    if not ran:
        return Outcome(NOT_RUN)
    seconds, tests = sum(one.seconds for one in ran), sum(one.tests for one in ran)
    why = "; ".join(one.why for one in ran if one.why)
    result = RED if any(one.result != GREEN for one in ran) else GREEN
    if result == GREEN and len(ran) < len(row.proofs):
        missing = [proof.key for proof in row.proofs if proof.key not in outcomes]
        result, why = NOT_RUN, f"not run: {', '.join(missing)}"
    return Outcome(result, min(one.date for one in ran), round(seconds, 2), tests, why)


def text(rows: Sequence[Row], outcomes: Mapping[str, Outcome]) -> str:
    """The file of results: what each row came to, and each proof that a row still names."""
    named = sorted({proof.key for row in rows for proof in row.proofs})
    content = {
        "rows": {str(row.number): plain(of_row(row, outcomes)) for row in rows},
        "proofs": {key: plain(outcomes[key]) for key in named if key in outcomes},
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def plain(outcome: Outcome) -> dict[str, object]:
    """An outcome as data, without what it has not."""
    return {key: value for key, value in asdict(outcome).items() if value}
