"""One host's smoke results: what the ledger says was run, with the details of its JUnit file.

A later run of the suite (the former release's, after going back) may have replaced the file, so
that its details count only when they are those of the outcome in the ledger.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .account import Account, Step
from .junit import summary
from .text import number

SMOKE = "smoke.smoke"
ROUNDING = 0.002
"""Seconds by which two sums of the same times may differ."""


def smoke_result(account: Account, junit: Mapping[str, Any] | None) -> dict[str, Any]:
    """Counts, cases and failures of the smoke tests of the release under test on one host."""
    step = account.latest().get(SMOKE)
    outcome = step.evidence if step is not None and step.outcome != "open" else {}
    if not isinstance(outcome.get("tests"), int):
        unbound = "the JUnit file belongs to no smoke step of this run" if junit else ""
        return summary([], unbound)
    if junit and is_same(outcome, junit):
        return dict(junit)
    return from_ledger(outcome)


def is_same(outcome: Mapping[str, Any], junit: Mapping[str, Any]) -> bool:
    """True when the JUnit file tells of the run that the ledger recorded."""
    told, read = number(outcome.get("seconds")), number(junit.get("seconds"))
    counted = all(outcome.get(k) == junit.get(k) for k in ("tests", "passed"))
    return counted and told is not None and read is not None and abs(told - read) < ROUNDING


def from_ledger(outcome: Mapping[str, Any]) -> dict[str, Any]:
    """The ledger's own account: counts and failures, and cases when each one's outcome is known."""
    offered = outcome.get("failures")
    failures = [
        {"name": str(f.get("name", "")), "message": str(f.get("message", ""))}
        for f in (offered if isinstance(offered, list) else [])
        if isinstance(f, dict)
    ]
    tests, passed = int(outcome["tests"]), int(number(outcome.get("passed")) or 0)
    names = outcome.get("names")
    known = isinstance(names, list) and len(names) == tests and passed + len(failures) == tests
    broken = {f["name"].partition("[")[0]: f["message"] for f in failures}
    return {
        "tests": tests,
        "passed": passed,
        "failed": len(failures),
        "skipped": max(0, tests - passed - len(failures)),
        "seconds": number(outcome.get("seconds")) or 0.0,
        "failures": failures,
        "cases": [case(str(n), broken) for n in names] if known and names else [],
    }


def case(name: str, broken: Mapping[str, str]) -> dict[str, Any]:
    """One test by its name alone; every parameter set of a broken test counts as broken."""
    bare = name.partition("[")[0]
    return {
        "name": name,
        "group": "",
        "outcome": "failed" if bare in broken else "passed",
        "seconds": None,
        "message": broken.get(bare, ""),
        "measured": "",
    }


def counted(step: Step) -> str:
    """A smoke step's outcome in one phrase, empty for any other step."""
    tests, passed = step.evidence.get("tests"), step.evidence.get("passed")
    if step.name != "smoke" or not isinstance(tests, int):
        return ""
    return f"{passed} of {tests} smoke tests passed"
