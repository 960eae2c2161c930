"""What the actions ask of one kind of plain data."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from ..errors import StepFailed
from ..store.facts import Facts
from ..store.openers import Identity


@dataclass(frozen=True)
class Taken:
    """What data were found to be when they were read whole: bytes, digest, how many units."""

    bytes: int
    sha256: str
    count: int
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Size:
    """What a copy of the data needs."""

    bytes: int
    inodes: int


@dataclass(frozen=True)
class Delta:
    """What was written since the activation: how much, by kind; and where it was exported to.

    ``lost`` is how much of it going back would give up.
    """

    count: int
    lost: int
    numbers: dict[str, int]
    file: str
    sha256: str


@dataclass(frozen=True)
class Carry:
    """From which data to which: ``former`` is left alone, ``present`` is what is live.

    ``kept`` is the state of ``keep``, ``staged`` that of ``copy``, ``release`` the former release.
    """

    former: Path
    present: Path
    target: Path
    evidence: Path
    kept: dict[str, Any]
    staged: dict[str, Any]
    release: str


class Content(ABC):
    """One kind of data, as one store declares it. Places are those of the data themselves.

    Methods raise StepFailed, in words that the action in charge may turn into a refusal.
    """

    unit: ClassVar[str]
    """What is counted, in the plural."""

    endings: ClassVar[Sequence[str]] = ()
    """How files are called that hold such data."""

    beside: ClassVar[tuple[str, ...]] = ()
    """Names that a backup may hold beside the data."""

    carries: ClassVar[bool] = False
    """Whether the former data can go on with what users wrote since."""

    @abstractmethod
    def problem(self, place: Path) -> str:
        """Why the place does not hold such data, at one look; empty when it does."""

    @abstractmethod
    def facts(self, place: Path) -> Facts:
        """What changes whenever the data do, told without reading them."""

    @abstractmethod
    def identities(self, place: Path) -> dict[Identity, str]:
        """Every file of the data, by device and inode."""

    @abstractmethod
    def size(self, place: Path) -> Size:
        """What one copy needs."""

    @abstractmethod
    def ask(self, place: Path, evidence: Path) -> dict[str, Any]:
        """Question the live data beside their writers; what the report shows of them.

        ``evidence`` is where what is wrong with them could be copied to.
        """

    @abstractmethod
    def take(self, source: Path, target: Path, seconds: float) -> Taken:
        """Copy live data to a name that is free, beside their writers, durable."""

    @abstractmethod
    def prove(self, backup: Path, copy: Path, taken: Taken) -> Taken:
        """Prove a restored backup, every byte, and that it is sound data; say more of it."""

    @abstractmethod
    def copy(self, source: Path, target: Path, evidence: Path | None) -> dict[str, Any]:
        """Copy data at rest to a name that is free, durable; what later steps must know of it.

        What cannot go into a new generation goes to ``evidence``; with None everything is copied.
        """

    def mark(self, place: Path) -> dict[str, Any]:
        """What ``copy`` would tell of data that were left where they are."""
        return {}

    @abstractmethod
    def read(self, place: Path) -> Taken:
        """Read data at rest, every byte."""

    @abstractmethod
    def verify(self, place: Path, size: int, sha256: str) -> None:
        """Raise StepFailed, with what differs, unless data at rest are what was written down."""

    @abstractmethod
    def empty(self, place: Path) -> None:
        """Make data that hold nothing."""

    @abstractmethod
    def give(self, place: Path, ids: tuple[int, int] | None) -> None:
        """Make data at rest the service's own, and durable."""

    @abstractmethod
    def judge(self, before: Path | None, after: Path, scratch: Path) -> dict[str, Any]:
        """What a migration did. Raises StepFailed unless it is sound and all was declared."""

    @abstractmethod
    def keep(self, place: Path, evidence: Path) -> dict[str, Any]:
        """Keep what tells later what was written since: a state, and files below ``evidence``."""

    @abstractmethod
    def delta(self, kept: dict[str, Any], place: Path, evidence: Path, release: str) -> Delta:
        """Count and export what was written since ``keep``. Raises Fenced when nobody can tell.

        ``release`` is the former one; empty when there was none.
        """

    @abstractmethod
    def remove(self, place: Path) -> None:
        """Remove a copy of our own, if it is there."""

    @abstractmethod
    def failed_name(self, stamp: str) -> str:
        """What the copy of a failed state is called."""

    def carry(self, way: Carry) -> dict[str, Any]:
        """Make what a former release goes on with: its own data, and what users wrote since.

        Asked only of content that says it ``carries``.
        """
        raise AssertionError(f"{type(self).__name__} does not say how {way.former} is carried over")


def not_declared(store: str, version: str, wrong: list[str]) -> StepFailed:
    """The words for a migration that did what nobody declared."""
    return StepFailed(
        f"the migrated copy of {store} is not what release {version} declares: {'; '.join(wrong)}",
        now="the copy is kept for examination",
        untouched="the live data and the live release",
        next="correct the migration, or declare it in release.expected_changes",
    )
