"""What a person is shown before signing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..record.checklist import proofs_of
from ..record.text import duration, listed, visible
from .model import Wanted

WAYS_BACK = {
    "compatible": "the code goes back, the data stay with every write; the rehearsal proves that "
    "the former release runs on them",
    "reversible": "the services stop, the migration is taken down again, every write is kept; the "
    "rehearsal proves it",
    "one_way": "before users are admitted nothing is lost; afterwards going back loses what they "
    "wrote, and needs a consent to the exact count",
}
MOST = 40
"""Members of a list that are shown each."""


def plan_in_words(
    system: str, digest: str, hosts: Mapping[str, Mapping[str, Any]], nouns: Mapping[str, Any]
) -> str:
    """The plan as a person can judge it: hosts' parts (``host_part``) and one host's nouns."""
    plans = {host: told["plan"] for host, told in hosts.items()}
    first = next((p for p in plans.values() if p["digest"]), next(iter(plans.values())))
    before = dict.fromkeys(str(p["from"] or "nothing") for p in plans.values())
    sort = str(first["migration_class"])
    rows = [
        ("plan", f"{digest[:12]} of {system}"),
        ("release", f"{', '.join(before)} -> {first['to']}  {first['digest']}"),
        ("hosts", listed(list(hosts), MOST)),
        ("waves", ", ".join(str(wave) for wave in nouns.get("rollout_waves") or ())),
        ("migration", f"{sort}; {pending(plans)}"),
        *numbered("gates", [gate_in_words(g) for g in nouns.get("gates") or ()]),
        *numbered("windows", [window_in_words(w) for w in nouns.get("windows") or ()]),
        ("way back", WAYS_BACK[sort] if any(p["from"] for p in plans.values()) else no_former()),
    ]
    return table(rows)


def no_former() -> str:
    """What going back means where nothing ran before."""
    return "no release ran before: the services are stopped, what was written is kept"


def pending(plans: Mapping[str, Mapping[str, Any]]) -> str:
    """What is migrated, store by store."""
    found: dict[str, Sequence[str]] = {}
    for plan in plans.values():
        found.update(plan["migrate"] or {})
    told = [f"{store}: {listed([str(n) for n in names], MOST)}" for store, names in found.items()]
    return "; ".join(told) or "nothing is migrated"


def gate_in_words(gate: Mapping[str, Any]) -> str:
    """A gate with what it allows."""
    rules = ("limit", "target", "equals", "range", "relative")
    told = [f"{rule} {rule_in_words(gate[rule])}" for rule in rules if gate.get(rule) is not None]
    return f"{gate.get('name')}: {', '.join(told)} {gate.get('unit') or ''}".rstrip()


def rule_in_words(rule: Any) -> str:
    """A rule's figure, or its figures by name."""
    return " ".join(f"{k} {v}" for k, v in rule.items()) if isinstance(rule, Mapping) else str(rule)


def window_in_words(window: Mapping[str, Any]) -> str:
    """A window with its time."""
    return f"{window.get('name')}: {window.get('from')} to {window.get('to')}"


def numbered(name: str, lines: Sequence[str]) -> list[tuple[str, str]]:
    """Rows under one name, the first few each."""
    rest = [f"and {len(lines) - MOST} more"] if len(lines) > MOST else []
    return [(name if n == 0 else "", line) for n, line in enumerate([*lines[:MOST], *rest])]


def word_in_words(wanted: Wanted, checklist: Iterable[Mapping[str, Any]]) -> str:
    """What the word says, which lines it proves, and how long it lasts."""
    rows = [("as", wanted.role), ("says", wanted.text or "I have seen this, and agree")]
    rows += numbered("proves", proved_by(wanted, checklist))
    if wanted.purpose == "deploy":
        rows.append(("lasts", f"{duration(wanted.lasts)}, and for this plan alone"))
    return table(rows)


def proved_by(wanted: Wanted, checklist: Iterable[Mapping[str, Any]]) -> list[str]:
    """The lines of the checklist that this word proves."""
    proof = f"attest:{wanted.role}"
    lines = [line for line in checklist if proof in proofs_of(line)]
    mine = [line for line in lines if not wanted.lines or str(line.get("id")) in wanted.lines]
    return [f"{line.get('id')} {line.get('text')}" for line in mine]


def table(rows: Iterable[tuple[str, str]]) -> str:
    """Rows that no text from elsewhere can steer."""
    return "\n".join(f"  {name:<10} {visible(words, 300)}" for name, words in rows)


def run_in_words(record: Mapping[str, Any]) -> str:
    """A run as a person can judge it, from its record."""
    release = record["release"]
    rows = [
        ("run", f"{record['run']} of {record['system']}"),
        ("release", f"{release['from'] or 'nothing'} -> {release['to']}"),
        ("ended", f"{record['verdict']}, {record['ended']}"),
        ("plan", str(record.get("plan_digest") or "")[:12]),
        ("hosts", listed(list(record["hosts"]), MOST)),
        ("now", str(record["message"]["now"])),
    ]
    return table(rows)
