"""From a path to a report: every byte is read once, judged, and is in the digest."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Optional

from ..errors import BadInput, Refused
from .account import Account
from .crew import judged_pieces, processes_for
from .judge import Judge
from .model import Finding, Report
from .opened import Opened, opened, read_change
from .pieces import BLOCK, read_newlines, read_pieces
from .rules import Rules

Sink = Optional[Callable[[Finding], None]]

SMALL_BLOCK = 16 << 10
"""The block where every finding is kept, so that even one of bad lines alone is not much."""


def run_scan(path: Path, rules: Rules, until: int | None = None, start: int = 0) -> Report:
    """Judge the bytes of a file from ``start``, where a line begins, to ``until`` or its end.

    Raises BadInput for a relative path or an offset inside a line, Refused for what is no regular
    file or is shorter than asked, GateUnknown when a part cannot be read or judged.
    """
    with opened(Path(path)) as file:
        return scan_opened(file, rules, until, start)


def scan_opened(
    file: Opened, rules: Rules, until: int | None, start: int, sink: Sink = None
) -> Report:
    """Judge an open file; ``sink`` is given every finding, also those beyond the first few."""
    stop = file.size if until is None else until
    refuse_range(file, start, stop)
    block = max(SMALL_BLOCK if sink else BLOCK, rules.longest_line // 8)
    judge = Judge(rules, block if sink else rules.most_findings)
    account = Account(rules, start, read_newlines(file.descriptor, start), sink)
    pieces = read_pieces(file.descriptor, start, stop, rules.longest_line, block)
    processes = 1 if sink else processes_for(rules.processes, stop - start)
    room = rules.longest_line + block
    for piece, judged in judged_pieces(pieces, judge.judge, processes, room):
        account.add(piece, judged)
    account.close(judge)
    change = read_change(file, start, account.scanned, account.digest.hexdigest())
    if account.scanned < stop:
        change = change or f"it ended at byte {account.scanned} instead of {stop}"
    if change:
        account.changed(change)
    return report_of(file, rules, start, account, judge.parser)


def report_of(file: Opened, rules: Rules, start: int, account: Account, parser: str) -> Report:
    """What an account amounts to."""
    return Report(
        path=str(file.path),
        start=start,
        scanned=account.scanned,
        size=file.size,
        inode=file.status.st_ino,
        device=file.status.st_dev,
        lines=account.lines,
        records=account.records,
        end=account.end,
        digest=account.digest.hexdigest(),
        prefix_digest=account.prefix_digest,
        parser=parser,
        rules=rules,
        findings=tuple(account.findings),
        counts=dict(account.counts),
        accepted=dict(account.accepted),
        kinds=dict(account.kinds),
        torn=account.torn,
    )


def refuse_range(file: Opened, start: int, stop: int) -> None:
    """Raise where the range is none of this file's, or begins inside a line."""
    if not 0 <= start <= stop:
        raise BadInput(f"{file.path}: bytes {start} to {stop} are no range", now="nothing was read")
    if stop > file.size:
        raise Refused(
            f"{file.path} has {file.size} bytes, and its first {stop} are asked for",
            now="nothing was read: the file is shorter than it was",
            untouched=str(file.path),
            next="find out who truncated or replaced it",
        )
    if start and os.pread(file.descriptor, 1, start - 1) != b"\n":
        raise BadInput(f"{file.path}: no line begins at byte {start}", now="nothing was read")
