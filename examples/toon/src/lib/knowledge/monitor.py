"""The state of each component, looked at when it is asked for, and the verdict that follows."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from knowledge.clock import now
from knowledge.contexts import Contexts
from knowledge.facts import bad_lines_of
from knowledge.reference import REFERENCE
from toon_adapter import KnowledgeTOONAdapter, damage

SHOWN = 5


@dataclass(frozen=True)
class Component:
    """One component: whether it is well, and in what state."""

    name: str
    well: bool
    state: str


@dataclass(frozen=True)
class Report:
    """All components at one time."""

    time: str
    components: tuple[Component, ...]

    @property
    def well(self) -> bool:
        """True when every component is."""
        return all(component.well for component in self.components)

    @property
    def verdict(self) -> str:
        """The verdict in words."""
        failing = [component.name for component in self.components if not component.well]
        return f"failing: {', '.join(failing)}" if failing else "all well"

    def lines(self) -> Iterator[str]:
        """Yield a dated line for each component, and one for the verdict."""
        for component in self.components:
            mark = "ok  " if component.well else "FAIL"
            yield f"{self.time} {mark} {component.name}: {component.state}"
        yield f"{self.time} {self.verdict}"


def examine(root: Path, facts: Path, contexts: Path) -> Report:
    """Look at everything that the release in `root` needs."""
    found = (
        adapter(),
        script(root / "bin" / "fact-extract"),
        knowledge_db(facts),
        context_files(contexts),
        python(Path(sys.executable)),
    )
    return Report(now(), found)


def adapter() -> Component:
    """The adapter gives facts back."""
    lost = damage(REFERENCE)
    about = f"python-toon {KnowledgeTOONAdapter.version()}"
    state = f"Available, {about}" if not lost else f"{about} loses facts: {lost}"
    return Component("adapter", not lost, state)


def script(path: Path) -> Component:
    """The program that extracts can be started."""
    ready = os.access(path, os.X_OK)
    return Component("extraction program", ready, "Ready" if ready else "Not executable")


def knowledge_db(path: Path) -> Component:
    """Every line of the file is a fact; a file that is not there yet is no fault."""
    if not path.exists():
        return Component("knowledge base", True, "Not yet created")
    bad = list(bad_lines_of(path))
    with path.open("rb") as file:
        lines = sum(1 for _ in file)
    if not bad:
        return Component("knowledge base", True, f"{lines} valid lines")
    named = "; ".join(
        f"line {line.number}, byte {line.offset}: {line.reason}" for line in bad[:SHOWN]
    )
    state = f"{lines - len(bad)} valid lines, {len(bad)} invalid: {named}"
    return Component("knowledge base", False, state)


def context_files(directory: Path) -> Component:
    """Every stored context is read by this release."""
    if not directory.exists():
        return Component("contexts", True, "Not yet created")
    texts = Contexts(directory).all()
    wrong = [f"{text.file}: {fault}" for text in texts if (fault := text.faults())]
    state = f"{len(texts) - len(wrong)} of {len(texts)} files decoded"
    return Component("contexts", not wrong, "; ".join([state, *wrong[:SHOWN]]))


def python(path: Path) -> Component:
    """The interpreter is there."""
    ready = os.access(path, os.X_OK)
    return Component("python", ready, f"Ready, {path}" if ready else f"MISSING, {path}")
