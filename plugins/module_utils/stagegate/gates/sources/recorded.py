"""Source ``recorded``: a figure that a person, or a tool of theirs, wrote down on the host."""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from ..fields import Fields
from ..model import (
    Gate,
    Measurement,
    Presence,
    Reader,
    Reading,
    Samples,
    Service,
    SourceFault,
    Window,
)
from ..samples import STAMP_ROUNDING
from .document import Document, seconds_since_1970
from .http import refuse_constant
from .polling import poll_times

MOST = 64 * 1024


@dataclass(frozen=True)
class Record:
    """What stood in the file at a time (seconds since 1970)."""

    read_at: float
    said: dict[str, Any]


@dataclass(frozen=True)
class Recorded(Document):
    """The file holds ``{"value": 97.5, "at": "2026-11-26T10:00:00Z", "by": "..."}``, and may say of
    which ``version`` it speaks."""

    file: str
    not_older_than: float
    kind: ClassVar[str] = "recorded"
    statistics: ClassVar[tuple[str, ...]] = ("value",)

    @classmethod
    def from_fields(cls, fields: Fields, services: Sequence[Service]) -> Recorded:
        """Read what a user wrote."""
        fields.get("not_older_than")
        return cls(
            file=fields.text("path"),
            not_older_than=fields.seconds("not_older_than", 86400.0),
            path="value",
            owner=None,
            version_field="",
            instance_field="",
            time_field="",
            deadline=fields.seconds("deadline", 2.0),
            scale=fields.number("scale", 1.0),
        )

    def reader(self, samples: Samples) -> Reader:
        """Read the file."""
        return Reader(
            (self.kind, self.file),
            lambda: read_record(self.file),
            poll_times(samples),
            self.deadline,
        )

    def measure(self, gate: Gate, readings: Sequence[Reading], window: Window) -> Measurement:
        """The value, with who stands for it."""
        measured = super().measure(gate, readings, window)
        if measured.value is None:
            return measured
        said = readings[-1].payload.said
        return replace(measured, remarks=(f"recorded by {said['by']:.80} at {said['at']!s:.40}",))

    def value_in(self, reading: Reading, presence: Presence, window: Window) -> object:
        """The value, unless nobody stands for it, or it is of another time or release."""
        if reading.failure:
            raise SourceFault(reading.failure)
        record: Record = reading.payload
        by, at = record.said.get("by"), record.said.get("at")
        if not isinstance(by, str) or not by.strip():
            raise SourceFault(f"{self.file} does not say by whom it was recorded")
        age = record.read_at - seconds_since_1970(at)
        if not -STAMP_ROUNDING <= age <= self.not_older_than:
            limit = f"not within the last {self.not_older_than:g} s"
            raise SourceFault(f"stale: recorded at {at!s:.40}, {limit}")
        version = record.said.get("version")
        if version is not None and window.expected_version not in (None, version):
            raise SourceFault(f"recorded of release {version!s:.40}, not {window.expected_version}")
        if "value" not in record.said:
            raise SourceFault(f"{self.file} has no value")
        return record.said["value"]

    def saying(self, number: float, t: float) -> Record:
        """A record of the self-test's."""
        return Record(t, {"value": number, "at": t, "by": "self-test"})

    def describe(self) -> dict[str, Any]:
        """Kind and path."""
        return {"kind": self.kind, "path": self.file}


def read_record(path: str) -> Record:
    """Read the file as it is now. Raises SourceFault when it is missing or no such record."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise SourceFault(f"nothing is recorded: {path}: {error.strerror}") from error
    with open(descriptor, "rb") as handle:  # noqa: PTH123 - pathlib opens no descriptor
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_mode & 0o002:
            raise SourceFault(f"{path} is no ordinary file, or anybody may write it")
        said = handle.read(MOST + 1)
    try:
        document = json.loads(said, parse_constant=refuse_constant) if len(said) <= MOST else None
    except (ValueError, RecursionError) as error:
        raise SourceFault(f"{path} is not JSON: {error!s:.80}") from error
    if not isinstance(document, dict):
        raise SourceFault(f"{path} holds no record: a JSON object of at most {MOST} bytes")
    return Record(time.time(), document)
