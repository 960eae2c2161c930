"""Which kind a record is, and whether it matches the schema of that kind."""

from __future__ import annotations

from typing import Any

from .rules import RecordKind, Rules
from .schema import Complaint, complaint_of

PLAIN = "record"
"""The kind of every record where the rules name none."""

UNKNOWN = "unknown"


class Kinds:
    """The kinds of the rules, ready to judge. Raises Refused where a schema cannot be used."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.complaints: list[tuple[RecordKind, Complaint | None]] = [
            (kind, None if kind.schema is None else complaint_of(kind.schema, kind.name))
            for kind in rules.kinds
        ]

    def judge(self, record: Any) -> tuple[str, str, str]:
        """The name of a record's kind, and what is wrong with it: a kind of finding, and words."""
        if not self.complaints:
            return PLAIN, "", ""
        for kind, complaint in self.complaints:
            if isinstance(record, dict) and self.is_kind(record, kind):
                try:
                    words = "" if complaint is None else complaint(record)
                except RecursionError:
                    return kind.name, "depth", "the record is nested too deep for its schema"
                return kind.name, "schema" if words else "", f"{kind.name}: {words}"
        names = ", ".join(kind.name for kind, _ in self.complaints)
        return UNKNOWN, "unknown_kind", f"the record is none of {names}"

    def is_kind(self, record: dict[str, Any], kind: RecordKind) -> bool:
        """True when the fields, or the record's own word, say that it is of this kind."""
        if not kind.has and not kind.lacks:
            return record.get(self.rules.kind_field) == kind.name
        return kind.has <= record.keys() and kind.lacks.isdisjoint(record)
