"""Contexts: facts as TOON texts, to be put before a model.

Each is kept in two forms, a file for each: `<name>.toon` has the facts with their summaries and
tags, `<name>.brief.toon` one line for each fact, for a model with little room.
"""

from __future__ import annotations

import json
import os
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from knowledge.settings import StartupError
from knowledge.shapes import Fact
from toon_adapter import BRIEF, REQUIRED, Fields, KnowledgeTOONAdapter, damage

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")
SUFFIX = {"brief": ".brief.toon", "full": ".toon"}
"""The file of a form; the context is there when that of the last one is."""
FIELDS: dict[str, Fields] = {"brief": BRIEF, "full": REQUIRED}


class NotKept(Exception):
    """Facts would not come back from TOON as they are; the text names them."""


@dataclass(frozen=True)
class Text:
    """A stored context in one form."""

    name: str
    form: str
    toon: str

    def faults(self) -> str:
        """Return what is wrong with it for this release; empty when nothing is."""
        good, problems = KnowledgeTOONAdapter.validate(self.toon, FIELDS[self.form])
        return "" if good else "; ".join(problems[:5])

    @property
    def file(self) -> str:
        """Return the name of its file."""
        return self.name + SUFFIX[self.form]


class Contexts:
    """The contexts of one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        try:
            directory.mkdir(exist_ok=True)
        except OSError as error:
            raise StartupError(f"cannot use {directory}: {error.strerror}") from error

    def names(self) -> list[str]:
        """Return the names, in order."""
        return sorted({path.name.partition(".")[0] for path in self.directory.glob("[!.]*.toon")})

    def path_of(self, name: str, form: str) -> Path:
        """Return where a context is kept. Raises ValueError for what is no name or form."""
        if not NAME.fullmatch(name):
            raise ValueError("a name is of a-z, 0-9, and - and _ after the first")
        if form not in SUFFIX:
            raise ValueError(f"form must be one of {', '.join(SUFFIX)}")
        return self.directory / f"{name}{SUFFIX[form]}"

    def read(self, name: str, form: str = "full") -> Text | None:
        """Return a context."""
        try:
            return Text(name, form, self.path_of(name, form).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None

    def all(self) -> list[Text]:
        """Return every context in every form that it is there in."""
        found = (self.read(name, form) for name in self.names() for form in SUFFIX)
        return [text for text in found if text is not None]

    def render(self, name: str, facts: Sequence[Fact]) -> Text:
        """Render facts and store them; an older context of the name is replaced.

        Raises NotKept, and stores nothing, when the text would not give the facts back.
        """
        lost = [name_of(fact) for fact in facts if damage([fact])]
        if not lost and damage(facts):
            lost = ["the facts together, though each alone comes back"]
        if lost:
            raise NotKept(f"python-toon {KnowledgeTOONAdapter.version()} loses {', '.join(lost)}")
        full = Text(name, "full", KnowledgeTOONAdapter.json_to_toon(facts))
        rows = [{field: fact[field] for field in ("id", *BRIEF)} for fact in facts]
        for text in (Text(name, "brief", KnowledgeTOONAdapter.json_to_toon(rows)), full):
            self._replace(self.path_of(name, text.form), text.toon.encode())
        return full

    def _replace(self, path: Path, data: bytes) -> None:
        part = self.directory / f".{path.name}-{uuid.uuid4().hex}"
        try:
            with part.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        self._sync()

    def remove(self, name: str) -> bool:
        """Delete a context; False when there is none."""
        paths = [self.path_of(name, form) for form in reversed(SUFFIX)]
        if not any(path.exists() for path in paths):
            return False
        for path in paths:
            path.unlink(missing_ok=True)
        self._sync()
        return True

    def _sync(self) -> None:
        descriptor = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def name_of(fact: Fact) -> str:
    """Return how a fact is named to a person: its id, and its title for them who know it."""
    return f"{fact['id']} ({json.dumps(fact.get('title', ''), ensure_ascii=False)})"
