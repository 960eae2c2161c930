"""What the crash sweep found so far, for the rows that it proves."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from tests.faults.results import GREEN, RED, Outcome
from tests.faults.rows import Proof
from tests.torture.case import Result
from tests.torture.sweep import covered_by_all


def of_sweeps(names: Iterable[str]) -> dict[str, Outcome]:
    """The outcome of each pattern that any case was played for; a broken promise is red."""
    played = [result for result in covered_by_all() if result.reached]
    found = {name: [r for r in played if is_of(r, name)] for name in names}
    return {Proof("sweep", name).key: judge(mine) for name, mine in found.items() if mine}


def is_of(result: Result, name: str) -> bool:
    """True for a case of the run, the fault and the point that a pattern names."""
    run, fault, point = result.case.split("/")[1:4]
    return fnmatchcase(f"{run}/{fault}/{point}", name)


def judge(played: list[Result]) -> Outcome:
    """Green when nothing was violated in any of the cases; their date is that of the oldest."""
    broken = [result.case for result in played if result.violations]
    seconds = round(sum(result.seconds for result in played), 1)
    date = min(result.date for result in played)
    return Outcome(RED if broken else GREEN, date, seconds, len(played), ", ".join(broken))
