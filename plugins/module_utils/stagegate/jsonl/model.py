"""The words of this package: what was found in a file, and what it is worth."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import GateRed, GateUnknown

if TYPE_CHECKING:
    from .rules import Rules

REFUSE, ACCEPT = "refuse", "accept"

SHOWN = 400
"""Bytes of a bad line that a command shows."""

KINDS: dict[str, tuple[bool, str]] = {
    "blank": (True, "a line with nothing on it, or with white space alone"),
    "bom": (True, "a byte order mark (EF BB BF); accepted at the beginning of the file only"),
    "crlf": (True, "a line that ends with a carriage return and a newline"),
    "cr": (True, "a carriage return between the tokens of a record"),
    "nul_padding": (False, "NUL bytes before or after a record, as a crash leaves them"),
    "not_utf8": (False, "bytes that are no UTF-8: cut, overlong, or a surrogate"),
    "not_json": (False, "text that is no JSON"),
    "glued": (False, "two records on one line, of which the first may be torn; a finding for each"),
    "duplicate_key": (True, "an object that has a key twice; accepted, the last one counts"),
    "constant": (False, "NaN, Infinity or -Infinity, which are no JSON"),
    "number": (
        False,
        "a number that would not come back the same: an integer beyond 64 bits with sign, or a "
        "fraction that overflows, vanishes, or has more digits than a double holds",
    ),
    "surrogate": (False, "an escape of half a character, which no UTF-8 can hold"),
    "depth": (False, "brackets nested deeper than `deepest`"),
    "too_long": (False, "a line longer than `longest_line`; the rest of it is skipped unread"),
    "not_an_object": (True, "JSON that is no object"),
    "unknown_kind": (True, "an object that none of `kinds` describes"),
    "schema": (False, "an object that does not match the schema of its kind"),
    "torn_tail": (
        True,
        "a last line without its newline, even where it is JSON: a number that was cut short is "
        "still one",
    ),
    "changed": (False, "the file was replaced, truncated or rewritten meanwhile: no verdict"),
}
"""Every kind of finding: whether a policy may accept it, and what it is."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: the bytes at ``offset``, in the file's ``line`` (the first is 1).

    ``length`` counts bytes without the newline. ``context`` holds a few of them, printable.
    """

    kind: str
    line: int
    offset: int
    length: int
    message: str
    context: str = ""

    def as_evidence(self) -> dict[str, Any]:
        """Plain data."""
        return dict(vars(self))

    def __str__(self) -> str:
        return f"line {self.line} (byte {self.offset}): {self.message}"


@dataclass(frozen=True)
class Report:
    """What a scan of the bytes from ``start`` to ``scanned`` found.

    ``size`` is the file's size when it was opened. ``end`` is where the unbroken prefix ends: the
    offset after the last line before the first bad one or the torn tail. ``digest`` is the SHA-256
    of everything scanned, ``prefix_digest`` that of the bytes from ``start`` to ``end``.
    ``findings`` holds the first of them, ``counts`` counts all by kind; what a policy accepts is in
    ``accepted`` alone. ``torn`` is the torn tail, also where it is accepted.
    """

    path: str
    start: int
    scanned: int
    size: int
    inode: int
    device: int
    lines: int
    records: int
    end: int
    digest: str
    prefix_digest: str
    parser: str
    rules: Rules
    findings: tuple[Finding, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    accepted: Mapping[str, int] = field(default_factory=dict)
    kinds: Mapping[str, int] = field(default_factory=dict)
    torn: Finding | None = None

    @property
    def good(self) -> bool:
        """True when every line is a record or something that the rules accept."""
        return not self.counts

    @property
    def verdict(self) -> str:
        """Green, red, or unknown: nothing can be said of a file that changed meanwhile."""
        if "changed" in self.counts:
            return "unknown"
        return "green" if self.good else "red"

    def as_evidence(self) -> dict[str, Any]:
        """Plain data, for a ledger or a module's result."""
        evidence = {**vars(self), "verdict": self.verdict, "good": self.good}
        evidence["findings"] = [finding.as_evidence() for finding in self.findings]
        del evidence["rules"]
        evidence["torn"] = self.torn.as_evidence() if self.torn else None
        return evidence

    def refuse_bad(self, result: Mapping[str, Any] | None = None) -> None:
        """Raise BadLines for a bad file, FileChanged for one that changed meanwhile.

        ``result`` goes into the failed module's result, by default the evidence alone.
        """
        if self.good:
            return
        counted = ", ".join(f"{number} {kind}" for kind, number in sorted(self.counts.items()))
        first = self.findings[0]
        if self.verdict == "unknown":
            raise FileChanged(
                result or {"evidence": self.as_evidence()},
                f"{self.path} changed while it was read: {first.message}",
                now="nothing is known of its content",
                untouched=self.path,
                next="validate it again when nobody rewrites it",
            )
        length = max(1, min(first.length, SHOWN))
        raise BadLines(
            result or {"evidence": self.as_evidence()},
            f"{self.path} has {self.records} records, and lines that are none ({counted}); "
            f"the first: {first}",
            now=f"its first {self.end} bytes are unbroken",
            untouched=self.path,
            next=f"look at it: tail -c +{first.offset + 1} {shlex.quote(self.path)} "
            f"| head -c {length} | cat -v",
        )


class BadLines(GateRed):
    """A file has lines that are no records; the result of a module carries the evidence."""

    def __init__(self, result: Mapping[str, Any], what: str, **parts: Any) -> None:
        super().__init__(what, **parts)
        self.result = result

    def as_result(self) -> dict[str, Any]:
        """The failure with its evidence."""
        return {**super().as_result(), **self.result}


class FileChanged(GateUnknown):
    """A file changed while it was read, so that nothing is proved."""

    def __init__(self, result: Mapping[str, Any], what: str, **parts: Any) -> None:
        super().__init__(what, **parts)
        self.result = result

    def as_result(self) -> dict[str, Any]:
        """The failure with its evidence."""
        return {**super().as_result(), **self.result}
