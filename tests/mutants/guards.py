"""The table of guards, read and checked."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
TABLE = Path(__file__).with_name("guards.yml")


@dataclass(frozen=True)
class Guard:
    """One guard: ``take`` is its exact text in ``file``, ``put`` what stands there without it."""

    name: str
    protects: str
    file: str
    take: str
    put: str
    tests: tuple[str, ...]

    def without(self, text: str) -> str:
        """The file without the guard."""
        return text.replace(self.take, self.put, 1)

    def problem(self, root: Path = ROOT) -> str:
        """Why the guard cannot be taken out as it is written here; empty when it can."""
        text = (root / self.file).read_text()
        if text.count(self.take) != 1:
            return f"its text stands {text.count(self.take)} times in {self.file}"
        if self.file.endswith(".py"):
            try:
                ast.parse(self.without(text))
            except SyntaxError as error:
                return f"{self.file} is no Python without it: {error}"
        for test in self.tests:
            path, _, name = test.partition("::")
            plain = name.partition("[")[0]
            if not (root / path).is_file() or f"def {plain}(" not in (root / path).read_text():
                return f"there is no test {test}"
        return "" if self.tests else "it has no test"


def read_guards(table: Path = TABLE) -> list[Guard]:
    """All guards, in their order."""
    told = yaml.safe_load(table.read_text())
    return [Guard(**{**one, "tests": tuple(one["tests"])}) for one in told]
