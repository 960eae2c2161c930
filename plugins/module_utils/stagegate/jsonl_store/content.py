"""What the actions of plain data are told by a JSONL file."""

from __future__ import annotations

import os
import stat
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from ..errors import StepFailed
from ..files import fsync_dir
from ..jsonl.model import Report
from ..jsonl.opened import read_prefix_digest
from ..jsonl.quarantine import run_quarantine
from ..jsonl.rules import Rules
from ..plain.content import Carry, Content, Delta, Size, Taken, not_declared
from ..store.copying import copy_file, digest_file, fsync_file, remove_tree
from ..store.expected import NUMBERS, Bounds, undeclared
from ..store.facts import Facts, file_facts
from ..store.openers import Identity, identity_of
from .compare import compare_files
from .lines import NEW_FILE, copy_prefix, judged, scan, sound_end
from .model import QUARANTINE, Records
from .suffix import carry, export, suffix_of
from .taking import Watch, take

PATIENCE = 2.0
"""Seconds that a record in the making may take until its newline is there."""

TAIL = "torn-tail.jsonl"
SHOWN = 3


@dataclass(frozen=True)
class JsonlContent(Content):
    """One JSONL file. ``declared`` is what the release may do to its records; ``reserve`` bytes."""

    store: str
    records: Records
    version: str = ""
    reserve: int = 0
    declared: Bounds = field(default_factory=dict)

    unit: ClassVar[str] = "records"
    endings: ClassVar[tuple[str, ...]] = (".jsonl", ".ndjson")
    carries: ClassVar[bool] = True

    def problem(self, place: Path) -> str:
        """Why the place is no file of its own."""
        try:
            status = place.lstat()
        except FileNotFoundError:
            return f"{place} is missing"
        if not stat.S_ISREG(status.st_mode):
            return f"{place} is not an ordinary file"
        if status.st_nlink > 1:
            return f"{place} has {status.st_nlink} hard links: it must be reached by one name only"
        return ""

    def facts(self, place: Path) -> Facts:
        """The identity, size and time of the file."""
        return file_facts(place)

    def identities(self, place: Path) -> dict[Identity, str]:
        """The file."""
        return {identity_of(place): str(place)}

    def size(self, place: Path) -> Size:
        """What a copy needs."""
        return Size(place.stat().st_size, 1)

    def ask(self, place: Path, evidence: Path) -> dict[str, Any]:
        """Judge every record beside the writer; refuse damage and a torn tail with their places."""
        tail = wait_for_end(place, self.records.rules)
        end = sound_end(place, self.records.rules) if tail is None else tail
        report = scan(place, self.records.rules, end)
        damage = self.refuse_damage(report, str(place))
        torn = None if tail is None else self.judge_tail(place, tail, evidence)
        return {
            "bytes": end,
            "records": report.records,
            "kinds": dict(report.kinds),
            "parser": report.parser,
            "damage": damage,
            "torn": None if torn is None else [f.as_evidence() for f in torn.findings],
        }

    def refuse_damage(self, report: Report, where: str) -> int:
        """How many findings there are; raise StepFailed, naming the first, for too many."""
        number = sum(report.counts.values())
        if number <= self.records.accepted_damage:
            return number
        raise StepFailed(
            f"{where} is damaged: {number} findings, {self.records.accepted_damage} are accepted: "
            f"{some_of(report)}",
            now="nothing was changed",
            untouched="the file: nothing is ever cut out of it",
            next="copy these bytes to a side file and correct the file, or accept them by "
            f"stores.{self.store}.accepted_damage: {number}",
        )

    def judge_tail(self, place: Path, end: int, evidence: Path) -> Report:
        """What lies behind the last whole record. Raises StepFailed where it may not be there."""
        report = scan(place, self.records.rules, None, end)
        if report.good or self.records.on_torn_tail == QUARANTINE:
            return report
        raise StepFailed(
            f"{place} ends with bytes that are no record: {some_of(report)}",
            now="nothing was changed",
            untouched="the file: nothing is ever cut out of it",
            next=f"find out who died while writing, or say stores.{self.store}.on_torn_tail: "
            f"{QUARANTINE}, which copies them to {evidence / TAIL} and leaves them out of the new "
            "generation",
        )

    def take(self, source: Path, target: Path, seconds: float) -> Taken:
        """Copy the whole records of one instant, while the service appends."""
        watch = Watch(source, target, self.reserve, time.monotonic() + seconds)
        return take(source, target, self.records.rules, watch)

    def prove(self, backup: Path, copy: Path, taken: Taken) -> Taken:
        """The restored copy is the same to the byte, and every line of it is judged."""
        digest = digest_file(backup, twin=copy)
        if digest != taken.sha256:
            raise StepFailed(f"the backup of {self.store} has the digest {digest} on the disk")
        report = scan(copy, self.records.rules)
        damage = self.refuse_damage(report, f"the restored backup of {self.store}")
        detail = {**taken.detail, "kinds": dict(report.kinds), "damage": damage}
        return Taken(taken.bytes, digest, report.records, detail)

    def copy(self, source: Path, target: Path, evidence: Path | None) -> dict[str, Any]:
        """Copy the whole records; a torn tail goes to a side file, where that is allowed."""
        if evidence is None:
            copy_file(source, target)
            return {}
        size = source.stat().st_size
        end = sound_end(source, self.records.rules, size)
        side = self.set_tail_aside(source, end, evidence) if size > end else None
        digest = copy_prefix(source, target, end, lambda: None)
        return {"end": end, "sha256": digest, "torn_bytes": size - end, "side_file": side}

    def set_tail_aside(self, source: Path, end: int, evidence: Path) -> str | None:
        """Copy what lies behind the last whole record to a side file. Raises StepFailed."""
        report = self.judge_tail(source, end, evidence)
        if report.good:  # white space
            return None
        with judged():
            return run_quarantine(report, source, evidence / TAIL).path

    def mark(self, place: Path) -> dict[str, Any]:
        """Where the last whole record ends, and the digest of what lies before it."""
        end = sound_end(place, self.records.rules)
        return {"end": end, "sha256": read_prefix_digest(place, end)}

    def read(self, place: Path) -> Taken:
        """The file's own digest."""
        return Taken(place.stat().st_size, digest_file(place), 0)

    def verify(self, place: Path, size: int, sha256: str) -> None:
        """Compare length and digest."""
        found = self.read(place)
        if found.bytes != size:
            raise StepFailed(f"{place.name} has {found.bytes} bytes, its manifest says {size}")
        if found.sha256 != sha256:
            raise StepFailed(
                f"{place.name} has the digest {found.sha256}, its manifest says {sha256}"
            )

    def empty(self, place: Path) -> None:
        """A file without a record."""
        os.close(os.open(place, NEW_FILE, 0o600))
        fsync_file(place)
        fsync_dir(place.parent)

    def give(self, place: Path, ids: tuple[int, int] | None) -> None:
        """Make the file the service's own, and nobody else's business."""
        problem = self.problem(place)
        if problem:
            raise StepFailed(problem, now="the data link was not moved", untouched="the live data")
        descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.fchmod(descriptor, 0o600)
            if ids is not None:
                os.fchown(descriptor, ids[0], ids[1])
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def judge(self, before: Path | None, after: Path, scratch: Path) -> dict[str, Any]:
        """What happened to each record; what is no record must be there as well, and no more."""
        report = scan(after, self.records.rules)
        found: dict[str, Any] = {"rows": report.records, "kinds": dict(report.kinds)}
        if before is None:
            self.refuse_damage(report, f"the migrated copy of {self.store}")
            return {**found, "changes": {}}
        changes = compare_files(before, after, self.records.rules, self.records.key, scratch)
        wrong = [
            words
            for kind in NUMBERS
            for words in undeclared(
                kind, changes.numbers[kind], f"records {kind}", self.declared, changes.first[kind]
            )
        ]
        for number, words, which in (
            (changes.lost, "that are no records are gone, and nobody has read them", "lost"),
            (changes.new, "that are no records are new", "new"),
        ):
            if number:
                wrong.append(f"{number} lines {words}: {', '.join(changes.others[which])}")
        if report.torn is not None:
            wrong.append(f"it ends with a torn tail: {report.torn}")
        if wrong:
            raise not_declared(self.store, self.version, wrong)
        return {**found, "changes": {self.store: changes.numbers}}

    def keep(self, place: Path, evidence: Path) -> dict[str, Any]:
        """The length and digest of what is activated."""
        return {"bytes": place.stat().st_size, "sha256": digest_file(place)}

    def delta(self, kept: dict[str, Any], place: Path, evidence: Path, release: str) -> Delta:
        """Every line that was appended; what the former release cannot read would be lost."""
        return export(suffix_of(place, kept, self.records, release), evidence)

    def carry(self, way: Carry) -> dict[str, Any]:
        """The former file, with what was appended since and the former release can read."""
        return carry(suffix_of(way.present, way.kept, self.records, way.release), way)

    def remove(self, place: Path) -> None:
        """Remove a copy of our own."""
        remove_tree(place)

    def failed_name(self, stamp: str) -> str:
        """A file beside the other evidence."""
        return f"failed-{stamp}.jsonl"


def wait_for_end(place: Path, rules: Rules) -> int | None:
    """Where a torn tail begins; None when there is none, or it was a record in the making.

    Such a record is given time to get its newline: then another end lies behind where it began.
    """
    limit = time.monotonic() + PATIENCE
    end = sound_end(place, rules)
    while place.stat().st_size > end:
        if time.monotonic() > limit:
            return end
        time.sleep(0.02)  # no event tells that a stranger's write is whole
        if sound_end(place, rules) > end:
            return None
    return None


def some_of(report: Report) -> str:
    """The first findings with their places, and how many more there are."""
    told = "; ".join(f"{finding}: {finding.context}" for finding in report.findings[:SHOWN])
    more = sum(report.counts.values()) - min(SHOWN, len(report.findings))
    return told + (f"; and {more} more" if more > 0 else "")
