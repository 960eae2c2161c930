"""Runs the proofs that rows name and says what each gave.

A named test is green when it was collected and every set of its parameters passed; one that was
skipped, deselected, expected to fail or not found is not.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.faults.results import GREEN, RED, Outcome
from tests.faults.rows import ROOT, TEST, Proof

KINDS = (("not lab", ("-n", "auto")), ("lab", ()))
"""One process of pytest for each kind; what boots machines runs one after the other."""
ENDED = (0, 1, 5)
"""Statuses of pytest after which its report stands: all passed, some failed, none selected."""

ENDINGS = {"failure": "failed", "error": "failed", "skipped": "was skipped"}


class NothingRanError(Exception):
    """pytest did not come to run the tests; no result was changed."""


@dataclass(frozen=True)
class Case:
    """One test with one set of parameters: where it is, how it ended, and in how many seconds."""

    classname: str
    name: str
    ended: str
    seconds: float


def run_tests(
    names: Sequence[str],
    date: str,
    kinds: Iterable[tuple[str, Sequence[str]]] = KINDS,
    root: Path = ROOT,
) -> dict[str, Outcome]:
    """Run tests by their node ids; returns the outcome of each."""
    cases: list[Case] = []
    for marks, options in kinds if names else ():
        with tempfile.TemporaryDirectory(prefix="faults-") as made:
            report = Path(made) / "junit.xml"
            command = [sys.executable, "-m", "pytest", "-q", "-m", marks, *options]
            command += [f"--junitxml={report}", "--continue-on-collection-errors", *names]
            status = subprocess.run(command, cwd=root, check=False).returncode
            if status not in ENDED or not report.exists():
                raise NothingRanError(f"pytest ended with {status}; what it says is above")
            cases += read_report(report)
    return {Proof("test", name).key: judge(name, cases, date) for name in names}


def read_reports(names: Sequence[str], reports: Iterable[Path], date: str) -> dict[str, Outcome]:
    """The outcome of each named test in runs of more tests; one that is not there is red."""
    cases = [case for report in reports for case in read_report(report)]
    return {Proof("test", name).key: judge(name, cases, date) for name in names}


def read_report(report: Path) -> list[Case]:
    """The cases of a junit report."""
    return [
        Case(
            case.get("classname", ""),
            case.get("name", ""),
            next((child.tag for child in case if child.tag in ENDINGS), "passed"),
            float(case.get("time", 0)),
        )
        for case in ElementTree.parse(report).iter("testcase")
    ]


def judge(name: str, cases: Sequence[Case], date: str) -> Outcome:
    """What a named test gave, from the cases of its name."""
    mine = [case for case in cases if is_of(case, name)]
    if not mine:
        return Outcome(RED, date, why=f"{name} was not run")
    bad = [f"{case.name} {ENDINGS[case.ended]}" for case in mine if case.ended in ENDINGS]
    seconds = round(sum(case.seconds for case in mine), 2)
    ids = len({case.name for case in mine})
    return Outcome(RED if bad else GREEN, date, seconds, ids, ", ".join(dict.fromkeys(bad)))


def is_of(case: Case, name: str) -> bool:
    """True when a case is the named test; without parameters, a name stands for all of them."""
    match = TEST.fullmatch(name)
    if match is None:
        return False
    *classes, function = match["names"].split("::")
    place = ".".join([match["path"].removesuffix(".py").replace("/", "."), *classes])
    wanted = function + (match[4] or "")
    parametrised = not match[4] and case.name.startswith(f"{function}[")
    return case.classname == place and (case.name == wanted or parametrised)


def run_scenarios(names: Sequence[str], date: str) -> dict[str, Outcome]:
    """Run scenarios of molecule, one after the other; returns the outcome of each."""
    outcomes: dict[str, Outcome] = {}
    for name in names:
        begin = time.monotonic()
        command = [str(Path(sys.executable).with_name("molecule")), "test", "--scenario-name", name]
        status = subprocess.run(command, cwd=ROOT, check=False).returncode
        seconds = round(time.monotonic() - begin, 1)
        why = f"scenario {name} failed" if status else ""
        outcomes[Proof("scenario", name).key] = Outcome(
            RED if status else GREEN, date, seconds, 1, why
        )
    return outcomes


def names_of(kind: str, proofs: Iterable[Proof]) -> list[str]:
    """The names of one kind of proof, each once."""
    return sorted({proof.name for proof in proofs if proof.kind == kind})
