"""The table of guards, read and checked."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
TABLE = Path(__file__).with_name("guards.yml")


@dataclass(frozen=True)
class Change:
    """What goes from one file: ``take`` is its exact text, ``put`` what stands there without it."""

    file: str
    take: str
    put: str

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> Change:
        """One change as a table tells it."""
        return cls(told["file"], told["take"], told["put"])

    def made(self, text: str) -> str:
        """The text of the file after it."""
        return text.replace(self.take, self.put, 1)

    def problem(self, text: str) -> str:
        """Why it cannot be made in the text of its file; empty when it can."""
        if text.count(self.take) != 1:
            return f"its text stands {text.count(self.take)} times in {self.file}"
        return f"nothing goes from {self.file}" if self.take == self.put else ""


@dataclass(frozen=True)
class Guard:
    """One guard: what it protects, what goes with it, and the tests that must notice."""

    name: str
    protects: str
    changes: tuple[Change, ...]
    tests: tuple[str, ...]

    def without(self, root: Path = ROOT) -> dict[str, str]:
        """The files that hold the guard, as they are without it."""
        texts = {change.file: (root / change.file).read_text() for change in self.changes}
        for change in self.changes:
            texts[change.file] = change.made(texts[change.file])
        return texts

    def problem(self, root: Path = ROOT) -> str:
        """Why the guard cannot be taken out as it is written here; empty when it can."""
        for change in self.changes:
            found = change.problem((root / change.file).read_text())
            if found:
                return found
        for file, text in self.without(root).items():
            found = unreadable(file, text)
            if found:
                return f"{file} cannot be read without it: {found}"
        missing = [test for test in self.tests if not is_there(test, root)]
        if missing:
            return f"there is no test {missing[0]}"
        return "" if self.tests and self.changes else "it has no test, or nothing goes with it"


def unreadable(file: str, text: str) -> str:
    """Why a text is no Python or no YAML, where the name of its file says that it is."""
    try:
        if file.endswith(".py"):
            ast.parse(text)
        elif file.endswith(".yml"):
            yaml.safe_load(text)
    except (SyntaxError, yaml.YAMLError) as error:
        return str(error)
    return ""


def is_there(test: str, root: Path = ROOT) -> bool:
    """True when a test is defined in the file that its id names."""
    path, _, name = test.partition("::")
    plain = name.partition("[")[0]
    return (root / path).is_file() and f"def {plain}(" in (root / path).read_text()


def read_changes(told: Mapping[str, Any]) -> tuple[Change, ...]:
    """What goes with one entry: its ``changes``, or the one that it is itself."""
    return tuple(Change.read(one) for one in told.get("changes", [told]))


def read_guards(table: Path = TABLE) -> list[Guard]:
    """All guards, in their order."""
    told = yaml.safe_load(table.read_text())
    return [
        Guard(one["name"], one["protects"], read_changes(one), tuple(one["tests"])) for one in told
    ]
