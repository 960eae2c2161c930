"""The track record: the defects that the fault tests found, read and checked.

An entry of ``bugs.yml`` says what the product did, what found it and what the fix is; the rest is
the guard that the fix left, in the form of ``guards.yml`` or by the name that it has there. A fix
that cannot be taken out narrowly says why in ``not_reverted``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from .guards import Change, Guard, is_there, read_changes, read_guards

TABLE = Path(__file__).with_name("bugs.yml")


@dataclass(frozen=True)
class Bug:
    """One defect; ``guard`` is its fix as something that can be taken out, where it can."""

    name: str
    was: str
    found_by: str
    fix: str
    tests: tuple[str, ...]
    guard: Guard | None
    not_reverted: str
    by_name: bool

    def problem(self) -> str:
        """Why the entry does not hold as it is written; empty when it does."""
        if (self.guard is None) != bool(self.not_reverted):
            return "it has both or neither of a change and a reason for none"
        if self.guard is not None:
            return self.guard.problem()
        missing = [test for test in self.tests if not is_there(test)]
        return f"there is no test {missing[0]}" if missing else "" if self.tests else "it has none"

    def repeated(self, known: Mapping[tuple[Change, ...], str]) -> bool:
        """True for a change that a guard has already, which is not referred to by its name."""
        return self.guard is not None and not self.by_name and self.guard.changes in known


def read_bugs(table: Path = TABLE) -> list[Bug]:
    """All defects, in their order."""
    guards = {guard.name: guard for guard in read_guards()}
    return [read_bug(told, guards) for told in yaml.safe_load(table.read_text())]


def read_bug(told: Mapping[str, Any], guards: Mapping[str, Guard]) -> Bug:
    """One defect; a guard that it names brings its text, and its tests where none are told."""
    if "guard" in told:
        named = guards[told["guard"]]
        tests = tuple(told.get("tests", named.tests))
        guard: Guard | None = Guard(told["name"], told["was"], named.changes, tests)
    else:
        tests = tuple(told["tests"])
        changes = () if "not_reverted" in told else read_changes(told)
        guard = Guard(told["name"], told["was"], changes, tests) if changes else None
    words = [told[key] for key in ("name", "was", "found_by", "fix")]
    return Bug(*words, tests, guard, told.get("not_reverted", ""), "guard" in told)
