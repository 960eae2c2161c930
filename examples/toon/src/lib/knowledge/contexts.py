"""Contexts: facts as TOON texts, one file for each, to be put before a model."""

from __future__ import annotations

import json
import os
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from toon_adapter import KnowledgeTOONAdapter, damage

from knowledge.settings import StartupError
from knowledge.shapes import Fact

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
SUFFIX = ".toon"


class NotKept(Exception):
    """Facts would not come back from TOON as they are; the text names them."""


@dataclass(frozen=True)
class Text:
    """A stored context: its name and its TOON."""

    name: str
    toon: str


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
        return sorted(path.stem for path in self.directory.glob(f"*{SUFFIX}"))

    def path_of(self, name: str) -> Path:
        """Return where a context is kept. Raises ValueError for what is no name."""
        if not NAME.fullmatch(name):
            raise ValueError("a name is of a-z, 0-9, and . _ - after the first")
        return self.directory / f"{name}{SUFFIX}"

    def read(self, name: str) -> Text | None:
        """Return a context."""
        try:
            return Text(name, self.path_of(name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None

    def render(self, name: str, facts: Sequence[Fact]) -> Text:
        """Render facts and store them whole; an older context of the name is replaced at once.

        Raises NotKept, and stores nothing, when the text would not give the facts back.
        """
        lost = [name_of(fact) for fact in facts if damage([fact])]
        if not lost and damage(facts):
            lost = ["the facts together, though each alone comes back"]
        if lost:
            raise NotKept(f"python-toon {KnowledgeTOONAdapter.version()} loses {', '.join(lost)}")
        text = KnowledgeTOONAdapter.json_to_toon(facts)
        self._replace(self.path_of(name), text.encode())
        return Text(name, text)

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
        try:
            self.path_of(name).unlink()
        except FileNotFoundError:
            return False
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
