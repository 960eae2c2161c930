"""The rows: read strictly, all mistakes at once, each with its path and the nearest right name."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from stagegate.gates.fields import Fields

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(__file__).resolve().parent
PARTS = {
    "controller": (1, 29),
    "hosts": (30, 48),
    "backup": (49, 72),
    "migration": (73, 88),
    "release": (89, 106),
    "gates": (107, 122),
    "stores": (123, 131),
    "rollback": (132, 138),
    "hostile": (139, 150),
}
"""The parts of the matrix, each with its first and its last row."""
LAST = 150
FILE = re.compile(r"(\d{3})-[a-z0-9]+(-[a-z0-9]+)*\.yml")
SWEEP = re.compile(r"(deploy|roll_back|red)/[a-z_*]+/[\w.:*]+")
"""Cases of the crash sweep: run, fault and point, with * for anything."""
TEST = re.compile(r"(?P<path>tests/[\w/]+\.py)::(?P<names>\w+(::\w+)*)(\[.*\])?")


class RowsInvalidError(Exception):
    """The rows are not what they must be; one line for each mistake."""


@dataclass(frozen=True)
class Proof:
    """Something that is run and ends green or red: a test, a scenario or a sweep, and its name."""

    kind: str
    name: str

    @property
    def key(self) -> str:
        """Under which its results are kept."""
        return f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Row:
    """One fault; it has proofs, or a reason why nothing here injects it."""

    number: int
    part: str
    fault: str
    holds: str
    injected: str = ""
    ends: str = ""
    message: str = ""
    differs: str = ""
    not_injected: str = ""
    proofs: tuple[Proof, ...] = ()


def read_rows(folder: Path = FOLDER) -> tuple[Row, ...]:
    """All rows by their numbers; raises RowsInvalidError."""
    problems: list[str] = []
    rows = [read_row(path, problems) for path in sorted(folder.glob("*.y*ml"))]
    numbers = [row.number for row in rows]
    twice = sorted({number for number in numbers if numbers.count(number) > 1})
    problems += [f"row {number} is there {numbers.count(number)} times" for number in twice]
    if problems:
        raise RowsInvalidError("\n".join(problems))
    return tuple(sorted(rows, key=lambda row: row.number))


def read_row(path: Path, problems: list[str]) -> Row:
    """One row; its mistakes are added to the problems."""
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raw = None
        problems.append(f"{path.name}: is no YAML: {' '.join(str(error).split())}")
    fields = Fields(raw, path.name, problems)
    row = Row(
        number=fields.whole("row", 0, 1),
        part=fields.choice("part", list(PARTS)),
        fault=fields.text("fault"),
        injected=fields.text("injected", ""),
        holds=fields.text("holds", ""),
        ends=fields.text("ends", ""),
        message=fields.text("message", ""),
        differs=fields.text("differs", ""),
        not_injected=fields.text("not_injected", ""),
        proofs=(*named(fields, "tests"), *named(fields, "scenarios"), *named(fields, "sweeps")),
    )
    fields.close()
    check(row, fields)
    return row


def named(fields: Fields, key: str) -> list[Proof]:
    """The proofs of a list of names."""
    raw = fields.get(key, [])
    names: list[Any] = raw if isinstance(raw, list) else [raw]
    for index, name in enumerate(names):
        if not isinstance(name, str) or not exists(key, name):
            fields.problem(f"{key}[{index}]", f"there is no {key[:-1]} {name!r}")
    if not isinstance(raw, list) or (fields.has(key) and not raw):
        fields.problem(key, "must be a list of names")
    if len(set(map(str, names))) < len(names):
        fields.problem(key, "names something twice")
    return [Proof(key[:-1], str(name)) for name in names]


def check(row: Row, fields: Fields) -> None:
    """Note what single keys cannot tell: the number, and that there is a proof or a reason."""
    first, last = PARTS[row.part]
    if not first <= row.number <= last:
        fields.problem("row", f"the rows of {row.part} are {first} to {last}, not {row.number}")
    match = FILE.fullmatch(fields.path)
    if match is None or int(match[1]) != row.number:
        fields.problem("row", f"the file's name must be {row.number:03}-short-name.yml")
    if bool(row.proofs) == bool(row.not_injected):
        fields.problem("", "has either tests, scenarios or sweeps, or says why: not_injected")
    missing = [key for key in ("injected", "holds") if row.proofs and not getattr(row, key)]
    for key in missing:
        fields.problem(key, "is missing")


def exists(key: str, name: str) -> bool:
    """True when a scenario has its folder, or a test its function in its file."""
    if key == "sweeps":
        return SWEEP.fullmatch(name) is not None
    if key == "scenarios":
        safe = re.fullmatch(r"\w+", name)
        return bool(safe) and (ROOT / "molecule" / name / "molecule.yml").is_file()
    match = TEST.fullmatch(name)
    return match is not None and match["names"] in functions(ROOT / match["path"])


@cache
def functions(path: Path) -> frozenset[str]:
    """The tests that a file defines, as Class::test or test; none when there is no such file."""
    if not path.is_file():
        return frozenset()
    return frozenset(defined(ast.parse(path.read_text(encoding="utf-8")).body, ""))


def defined(body: Sequence[ast.stmt], prefix: str) -> list[str]:
    """The names of test functions, those in test classes after the name of the class."""
    names: list[str] = []
    for node in body:
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            names += defined(node.body, f"{prefix}{node.name}::")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (
            node.name.startswith("test_")
        ):
            names.append(prefix + node.name)
    return names
