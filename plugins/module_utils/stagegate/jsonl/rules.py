"""What a user allows in a JSONL file. Every mistake is told with its path, all at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import BadInput
from ..gates.fields import Fields, told
from .model import ACCEPT, KINDS, REFUSE
from .schema import schema_problems

LONGEST_LINE = 1 << 20
"""Bytes of a line by default. A parsed line may take thirty times its length of memory."""

MOST_LONGEST_LINE = 64 << 20
DEEPEST = 100
MOST_DEEPEST = 200
"""Levels beyond which the standard parser could meet the interpreter's own limit."""

FINDINGS = 20
CONTEXT = 80
AUTO, QUICK, STRICT = "auto", "orjson", "json"


@dataclass(frozen=True)
class RecordKind:
    """One shape of record: chosen by the fields it ``has`` and ``lacks``, judged by its schema.

    With neither, it is chosen where the record's ``kind_field`` holds its name.
    """

    name: str
    has: frozenset[str] = frozenset()
    lacks: frozenset[str] = frozenset()
    schema: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Rules:
    """The limits and policies of one scan.

    ``policy`` says refuse or accept for kinds of findings; what is not in it is refused.
    ``final_newline`` optional lets a last line without its newline count where it is a whole
    record. ``parser`` is a preference: `orjson` and `json` give the same verdicts.
    """

    policy: Mapping[str, str] = field(default_factory=dict)
    final_newline: str = "required"
    longest_line: int = LONGEST_LINE
    deepest: int = DEEPEST
    most_findings: int = FINDINGS
    context: int = CONTEXT
    parser: str = AUTO
    processes: int = 0
    kind_field: str = ""
    kinds: tuple[RecordKind, ...] = ()

    def accepts(self, kind: str) -> bool:
        """True when the policy lets this kind pass."""
        return self.policy.get(kind, REFUSE) == ACCEPT

    @classmethod
    def from_params(cls, params: Mapping[str, Any], path_of_key: str = "rules") -> Rules:
        """Read what a user wrote. Raises BadInput with every mistake in it."""
        problems: list[str] = []
        fields = Fields(params, path_of_key, problems)
        usual = cls()
        rules = cls(
            policy=read_policy(fields),
            final_newline=fields.choice("final_newline", ("required", "optional"), "required"),
            longest_line=fields.whole("longest_line", usual.longest_line, 2),
            deepest=fields.whole("deepest", usual.deepest, 1),
            most_findings=fields.whole("most_findings", usual.most_findings, 1),
            context=fields.whole("context", usual.context, 0),
            parser=fields.choice("parser", (AUTO, QUICK, STRICT), AUTO),
            processes=fields.whole("processes", usual.processes, 0),
            kind_field=fields.text("kind_field", ""),
            kinds=read_kinds(fields),
        )
        refuse_beyond(fields, rules)
        fields.close()
        if problems:
            raise BadInput(
                "the rules of a JSONL file are not written right: " + "; ".join(problems),
                now="nothing was read",
                untouched="every file",
                next="correct these keys and run the same command again",
            )
        return rules


def refuse_beyond(fields: Fields, rules: Rules) -> None:
    """Note what is larger than memory and parsers can bear."""
    most = {
        "longest_line": MOST_LONGEST_LINE,
        "deepest": MOST_DEEPEST,
        "most_findings": 1000,
        "context": 1000,
        "processes": 16,
    }
    for key, limit in most.items():
        if getattr(rules, key) > limit:
            fields.problem(key, f"must be at most {limit}")


def read_policy(fields: Fields) -> dict[str, str]:
    """What to do with each kind of finding."""
    below = fields.sub("policy")
    if below is None:
        return {}
    policy: dict[str, str] = {}
    for kind, (acceptable, _) in KINDS.items():
        choices = (REFUSE, ACCEPT) if acceptable else (REFUSE,)
        policy[kind] = below.choice(kind, choices, REFUSE)
    below.close()
    return policy


def read_kinds(fields: Fields) -> tuple[RecordKind, ...]:
    """The kinds of record, in the order in which they are tried."""
    raw = fields.get("kinds", [])
    if not isinstance(raw, (list, tuple)):
        fields.problem("kinds", f"must be a list, not {told(raw)}")
        return ()
    kinds = tuple(read_kind(fields, item, number) for number, item in enumerate(raw))
    names = [kind.name for kind in kinds]
    for name in sorted({name for name in names if names.count(name) > 1}):
        fields.problem("kinds", f"the name {name} is used twice")
    return kinds


def read_kind(fields: Fields, raw: object, number: int) -> RecordKind:
    """One kind of record."""
    below = Fields(raw, f"{fields.path}.kinds[{number}]", fields.problems)
    name = below.text("name")
    when = below.sub("when")
    has = read_names(when, "has") if when else frozenset()
    lacks = read_names(when, "lacks") if when else frozenset()
    if when:
        when.close()
    if not has and not lacks and not fields.has("kind_field"):
        below.problem("when", "needs has or lacks, or the rules a kind_field that holds the name")
    schema = below.get("schema", None)
    if schema is not None:
        for place, words in schema_problems(schema):
            below.problem(f"schema{place}", words)
    below.close()
    return RecordKind(name, has, lacks, schema if isinstance(schema, Mapping) else None)


def read_names(fields: Fields, key: str) -> frozenset[str]:
    """A list of field names."""
    value = fields.get(key, [])
    if not isinstance(value, (list, tuple)) or not all(isinstance(n, str) and n for n in value):
        fields.problem(key, f"must be a list of field names, not {told(value)}")
        return frozenset()
    return frozenset(value)
