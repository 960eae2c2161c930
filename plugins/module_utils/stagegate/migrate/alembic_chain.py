"""The migrations of a release as one line of revisions, read without running any of their code.

alembic finds the next revision by importing every file and following ``down_revision``. Here the
two names are read from the text alone, so that a release can be judged before a host has it. What
is not a plain line from one base to one head is refused: a branch has two ends, and "upgrade to the
head" and "the revision before" would have two meanings each.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import BadInput

VERSIONS = "versions"
"""The folder of the revisions, in that of the migrations."""

FORBIDDEN = frozenset("@-+: ,'\"\\")
"""What alembic would read as a relative revision, a range or a branch (and what no id needs)."""

RESERVED = ("base", "head", "heads")
SHOWN = 5


@dataclass(frozen=True)
class Revision:
    """One file: its id, the id it builds on (empty for the first), and the digest of its text."""

    id: str
    builds_on: str
    file: str
    sha256: str


@dataclass(frozen=True)
class Chain:
    """The revisions of a release, from the first to the last."""

    revisions: tuple[Revision, ...]

    @property
    def ids(self) -> tuple[str, ...]:
        """The revisions by id, in order."""
        return tuple(revision.id for revision in self.revisions)

    @property
    def head(self) -> str:
        """The revision that the release was written for."""
        return self.revisions[-1].id

    def after(self, revision: str) -> tuple[str, ...]:
        """What follows a revision, in order; everything when it is empty: nothing was applied."""
        return self.ids[self.ids.index(revision) + 1 :] if revision else self.ids

    def digests(self) -> dict[str, str]:
        """The digest of each revision's file, by id."""
        return {revision.id: revision.sha256 for revision in self.revisions}


def is_revision(path: str, directory: str) -> bool:
    """True for a file that alembic takes for a revision."""
    file = PurePosixPath(path)
    inside = file.parent.as_posix() == f"{directory.strip('/')}/{VERSIONS}"
    return inside and file.suffix == ".py" and not file.name.startswith((".#", "__init__"))


def text_patterns(stores: Iterable[Mapping[str, Any]]) -> list[str]:
    """What preflight has to read out of a release: the paths of its revisions, as patterns."""
    noted = [store["migrations"] for store in stores if "migrations" in store]
    return [
        f"{str(migrations.get('directory') or 'migrations').strip('/')}/{VERSIONS}/*.py"
        for migrations in noted
        if migrations.get("kind") == "alembic"
    ]


def read_staged(release: Path, directory: str) -> Chain:
    """The chain of a release that stands in its own folder."""
    folder = release / directory / VERSIONS
    files = sorted(folder.glob("*.py")) if folder.is_dir() else []
    texts = {file.relative_to(release).as_posix(): file.read_bytes() for file in files}
    try:
        return read_chain({path: data.decode() for path, data in texts.items()}, directory)
    except UnicodeDecodeError as error:
        raise refuse(f"a migration of {release.name} is not UTF-8 text: {error}") from error


def read_chain(texts: Mapping[str, str], directory: str) -> Chain:
    """The chain in a release's files, given by path. Raises BadInput naming what breaks it."""
    found = [
        read_revision(path, text)
        for path, text in sorted(texts.items())
        if is_revision(path, directory)
    ]
    if not found:
        raise refuse(
            f"the release has no migration in {directory}/{VERSIONS}/",
            "correct stores[].migrations.directory, or the release",
        )
    return in_line(found)


def read_revision(path: str, text: str) -> Revision:
    """One file's own account of itself; raise BadInput when it is not written out."""
    try:
        names = literals(ast.parse(text))
    except (SyntaxError, ValueError) as error:
        raise refuse(f"{path} is not Python that can be read: {error}") from error
    mine, below = names.get("revision"), names.get("down_revision", "")
    if not isinstance(mine, str) or not mine or mine in RESERVED or FORBIDDEN & set(mine):
        raise refuse(f"{path} names no revision that can be asked for by its id: {mine!r}")
    if isinstance(below, (tuple, list)):
        raise refuse(f"{mine} ({path}) joins the branches {', '.join(map(str, below))}")
    if names.get("depends_on"):
        raise refuse(f"{mine} ({path}) depends on {names['depends_on']!r}, outside of its line")
    if below is not None and (not isinstance(below, str) or not below):
        raise refuse(f"{path}: the down_revision of {mine} is not written out as a text or None")
    return Revision(mine, below or "", path, sha256(text.encode()).hexdigest())


def literals(module: ast.Module) -> dict[str, object]:
    """The names that a file gives a plain value to, at its top level."""
    found: dict[str, object] = {}
    for node in module.body:
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AnnAssign):
            targets = [node.target]
        for target in targets:
            if isinstance(target, ast.Name):
                found[target.id] = literal(node.value)  # type: ignore[attr-defined]
    return found


def literal(node: ast.expr | None) -> object:
    """A value that is written out; an empty text, which is no name, for anything computed."""
    try:
        return "" if node is None else ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError):
        return ""


def in_line(found: Sequence[Revision]) -> Chain:
    """Put revisions into their one order. Raises BadInput when there is none, or more than one."""
    known: dict[str, Revision] = {}
    for revision in found:
        if revision.id in known:
            places = f"{known[revision.id].file} and {revision.file}"
            raise refuse(f"two files declare the revision {revision.id}: {places}")
        known[revision.id] = revision
    for revision in found:
        if revision.builds_on and revision.builds_on not in known:
            raise refuse(
                f"{revision.id} names {revision.builds_on}, "
                f"the files declare {candidates(revision, found)}"
            )
    above: dict[str, Revision] = {}
    for revision in found:
        other = above.setdefault(revision.builds_on, revision)
        if other is not revision:
            where = f"after {revision.builds_on}" if revision.builds_on else "at the base"
            raise refuse(f"the migrations branch {where}: {other.id} and {revision.id}")
    return Chain(walk(above, found))


def walk(above: Mapping[str, Revision], found: Sequence[Revision]) -> tuple[Revision, ...]:
    """From the base up; raise BadInput for revisions that build on each other in a circle."""
    line: list[Revision] = []
    following = above.get("")
    while following is not None:
        line.append(following)
        following = above.get(following.id)
    circle = sorted({revision.id for revision in found} - {revision.id for revision in line})
    if circle:
        raise refuse(f"these revisions build on each other in a circle: {', '.join(circle)}")
    return tuple(line)


def candidates(revision: Revision, found: Sequence[Revision]) -> str:
    """What a name that nobody declares may have meant: the nearest, else what nobody builds on."""
    others = [other.id for other in found if other is not revision]
    named = {other.builds_on for other in found}
    free = [name for name in others if name not in named]
    near = difflib.get_close_matches(revision.builds_on, free or others, n=1)
    return ", ".join((near or free or others)[:SHOWN]) or "no other revision"


def refuse(what: str, next: str = "correct the migrations and build a new release") -> BadInput:
    """The words for a release whose migrations cannot be followed."""
    return BadInput(
        what, now="nothing was changed", untouched="every service and all data", next=next
    )
