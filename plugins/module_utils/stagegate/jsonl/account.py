"""The account of a scan: what the pieces of a file amount to, in the file's lines and offsets."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from .judge import Judge, Judged, excerpt
from .kinds import PLAIN
from .model import Finding
from .pieces import LONG, Piece
from .rules import Rules


class Account:
    """Adds up pieces in their order.

    ``end`` and ``prefix_digest`` stop at the first bad line or the torn tail; ``digest`` goes on.
    """

    def __init__(
        self, rules: Rules, start: int, before: int, sink: Callable[[Finding], None] | None
    ) -> None:
        self.rules, self.before, self.sink = rules, before, sink
        self.end = self.scanned = start
        self.lines = self.records = 0
        self.digest = hashlib.sha256()
        self.prefix_digest = ""
        self.findings: list[Finding] = []
        self.counts: Counter[str] = Counter()
        self.accepted: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()
        self.torn: Finding | None = None
        self.tail: Piece | None = None
        self.long: Piece | None = None
        self.last = b""

    def add(self, piece: Piece, judged: Judged | None) -> None:
        """Add a piece; whole lines come judged."""
        if judged is not None:
            self.add_judged(piece, judged)
        elif piece.role == LONG:
            self.add_long(piece)
        else:
            self.tail = piece

    def add_judged(self, piece: Piece, judged: Judged) -> None:
        """Add whole lines."""
        for finding in judged.findings:
            self.note(
                replace(
                    finding,
                    line=self.before + self.lines + finding.line,
                    offset=piece.offset + finding.offset,
                )
            )
        self.lines += judged.lines
        self.records += judged.records
        self.counts += judged.counts
        self.accepted += judged.accepted
        self.kinds += judged.kinds if self.rules.kinds else Counter({PLAIN: judged.records})
        self.take(piece.data, judged.broken)

    def add_long(self, piece: Piece) -> None:
        """Add a part of a line that is too long; the last part ends the line."""
        self.long = self.long or piece
        self.last = piece.data
        self.take(piece.data, 0)
        if piece.length < 0:
            return
        self.lines += 1
        words = f"the line has {piece.length} bytes, more than {self.rules.longest_line}"
        context = excerpt(self.long.data, 0, self.rules.context)
        line, offset = self.before + self.lines, self.long.offset
        self.count(Finding("too_long", line, offset, piece.length, words, context))
        self.long = None

    def close(self, judge: Judge) -> None:
        """Judge what has no newline, when everything else is added."""
        if self.tail is not None and not self.added_whole(self.tail, judge):
            self.add_torn(self.tail)
        self.prefix_digest = self.prefix_digest or self.digest.hexdigest()

    def added_whole(self, tail: Piece, judge: Judge) -> bool:
        """Add a last line without its newline as a record, where that is allowed and it is one."""
        if self.rules.final_newline != "optional" or self.long is not None:
            return False
        judged = judge.judge(tail.data + b"\n", tail.offset == 0)
        if judged.counts:
            return False
        self.add_judged(tail, judged)
        return True

    def add_torn(self, tail: Piece) -> None:
        """Add a last line that lacks its newline: torn, or NUL bytes that a crash left."""
        self.take(tail.data, 0)
        self.lines += 1
        offset = self.long.offset if self.long else tail.offset
        head, last = (self.long.data, self.last) if self.long else (tail.data, tail.data)
        kind, words = "torn_tail", f"the last line has no newline: {tail.length} bytes are torn"
        if head.startswith(b"\0") or last.endswith(b"\0"):
            kind, words = "nul_padding", "NUL bytes stand at the end, as a crash leaves them"
        context = excerpt(last, len(last), self.rules.context)
        line = self.before + self.lines
        self.torn = Finding(kind, line, offset, tail.length, words, context)
        if self.rules.accepts("torn_tail"):
            self.accepted[kind] += 1
            self.tell(self.torn)
        else:
            self.count(self.torn)

    def take(self, data: bytes, broken: int | None) -> None:
        """Digest bytes. The unbroken prefix ends where the first bad line begins in them."""
        if broken is not None and not self.prefix_digest:
            self.digest.update(data[:broken])
            self.prefix_digest = self.digest.hexdigest()
            self.end = self.scanned + broken
            data, self.scanned = data[broken:], self.end
        self.digest.update(data)
        self.scanned += len(data)
        if not self.prefix_digest:
            self.end = self.scanned

    def count(self, finding: Finding) -> None:
        """Count a finding and keep it."""
        self.counts[finding.kind] += 1
        self.note(finding)

    def note(self, finding: Finding) -> None:
        """Keep one of the first findings; tell the sink of every one."""
        if len(self.findings) < self.rules.most_findings:
            self.findings.append(finding)
        self.tell(finding)

    def tell(self, finding: Finding) -> None:
        """Give a finding to whoever wants all of them."""
        if self.sink is not None:
            self.sink(finding)

    def changed(self, words: str) -> None:
        """The file is not what was judged; this is told first."""
        self.counts["changed"] += 1
        self.findings.insert(0, Finding("changed", 0, 0, self.scanned, words))
