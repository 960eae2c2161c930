"""Bad bytes copied to a side file, so that nobody has to cut them out of the source by hand.

The source is only read. The side file is whole and on the disk, or not there.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ..errors import BadInput, GateUnknown, Refused
from ..files import fsync_dir, sha256_file
from .model import Finding, Report
from .opened import Opened, opened
from .scan import scan_opened

PART = 48 << 10
"""Bytes of the source in one line of the side file; a longer range has several."""


@dataclass(frozen=True)
class Quarantined:
    """What a side file holds."""

    path: str
    findings: int
    bytes: int
    digest: str
    changed: bool


def run_quarantine(report: Report, path: Path, side_file: Path) -> Quarantined:
    """Copy every range that a report calls bad, a line of JSON for each 48 KiB of it.

    The file is scanned again for all findings, of which a report holds only the first; it must be
    what the report is about. A side file that is there already is left alone: it is the same, or
    Refused is raised. Raises GateUnknown when the source has changed since the report.
    """
    path, side_file = Path(path), Path(side_file)
    refuse_place(path, side_file)
    aside = side_file.with_name(f".{side_file.name}.{os.getpid()}.new")
    try:
        with opened(path) as file, created(aside) as out:
            writer = Writer(file, report, out)
            again = scan_opened(file, report.rules, report.scanned, report.start, writer.write)
            if again.verdict == "unknown" or (again.digest, again.inode) != (
                report.digest,
                report.inode,
            ):
                raise GateUnknown(
                    f"{path} is not the file any more that the findings are about",
                    now="no side file was written",
                    untouched=str(path),
                    next="validate it again",
                )
            out.flush()
            os.fsync(out.fileno())
        return placed(aside, side_file, writer)
    finally:
        with contextlib.suppress(FileNotFoundError):
            aside.unlink()


class Writer:
    """Writes a finding's bytes, in parts that fit into memory."""

    def __init__(self, file: Opened, report: Report, out: BinaryIO) -> None:
        self.file, self.out = file, out
        self.source = {"path": report.path, "inode": report.inode, "device": report.device}
        self.source |= {"sha256": report.digest, "from": report.start, "to": report.scanned}
        self.findings = self.bytes = 0

    def write(self, finding: Finding) -> None:
        """Write the lines of one finding; a blank line has one without bytes."""
        self.findings += finding.kind != "changed"
        for at in range(0, max(finding.length, 1), PART):
            size = min(PART, finding.length - at)
            data = os.pread(self.file.descriptor, size, finding.offset + at) if size else b""
            self.bytes += len(data)
            line = {
                "line": finding.line,
                "offset": finding.offset + at,
                "length": len(data),
                "of": {"offset": finding.offset, "length": finding.length},
                "kind": finding.kind,
                "message": finding.message,
                "base64": base64.b64encode(data).decode("ascii"),
                "source": self.source,
            }
            self.out.write(json.dumps(line).encode("ascii") + b"\n")


def refuse_place(path: Path, side_file: Path) -> None:
    """Raise BadInput where no side file can be."""
    reason = ""
    if not side_file.is_absolute():
        reason = "must be an absolute path"
    elif not side_file.parent.is_dir():
        reason = "lies in no directory"
    elif side_file.is_symlink() or (side_file.exists() and not side_file.is_file()):
        reason = "is there, and no regular file"
    elif side_file.exists() and path.exists() and side_file.samefile(path):
        reason = "is the file itself"
    if reason:
        raise BadInput(
            f"the side file {str(side_file)!r} {reason}",
            now="nothing was written",
            untouched=str(path),
            next="name a file of its own for the quarantine, in a directory that exists",
        )


def created(aside: Path) -> BinaryIO:
    """A new private file under a name that nobody can have planted."""
    with contextlib.suppress(FileNotFoundError):
        aside.unlink()
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.fdopen(os.open(aside, flags, 0o600), "wb")


def placed(aside: Path, side_file: Path, writer: Writer) -> Quarantined:
    """Give the side file its name; an equal one that has it already is kept."""
    digest = sha256_file(aside)
    changed = not side_file.exists()
    if not changed and sha256_file(side_file) != digest:
        raise Refused(
            f"{side_file} is there already and holds something else",
            now="no side file was written",
            untouched=f"{writer.source['path']} and {side_file}",
            next="look at it, and name another side file",
        )
    if changed:
        aside.rename(side_file)
        fsync_dir(side_file.parent)
    return Quarantined(str(side_file), writer.findings, writer.bytes, digest, changed)
