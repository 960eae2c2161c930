"""What a plan is made of, part by part, so that a changed plan can be told by what changed.

A part is a noun of the system or what preflight found on the hosts. Short values stand for
themselves, so that a person can read the file; everything else is a SHA-256. Secrets, the places of
the controller's own files and the pins of other releases are no part of a plan.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..ledger import digest

FORM = 1
"""Raised when the parts of the same plan would be written down differently."""
LEFT_OUT = ("artifact_root", "releases")
"""The controller's own folder differs between those who sign; other releases are not wanted."""
WHOLE = ("checklist",)
"""Nouns with too many members to tell each."""
KEYS = ("name", "role", "path")
"""What tells the members of a list apart."""
SHORT = 60
"""Characters of a value that stands for itself."""


def host_part(
    nouns: Mapping[str, Any], plan: Mapping[str, Any], files: Mapping[str, str]
) -> dict[str, Any]:
    """What one host brings to the plan of a run.

    ``nouns``: what the user wrote, rendered for this host; ``plan``: the host's own plan;
    ``files``: the SHA-256 of each migration of the release, by path, where they are known.
    """
    told = ("from", "to", "digest", "migration_class", "migrate", "noop")
    return {
        "plan": {key: plan.get(key) for key in told},
        "files": dict(files),
        "nouns": {k: members(k, v) for k, v in harmless(nouns).items()},
        "sign_offs": list(nouns.get("sign_offs") or []),
    }


def harmless(nouns: Mapping[str, Any]) -> dict[str, Any]:
    """The nouns without the content of secrets, and without the places of the controller."""
    kept = {name: value for name, value in nouns.items() if name not in LEFT_OUT}
    secrets = kept.get("secrets") or []
    kept["secrets"] = [{k: v for k, v in s.items() if k != "content"} for s in secrets]
    kept["release"] = {k: v for k, v in (kept.get("release") or {}).items() if k != "source"}
    return kept


def members(name: str, value: Any) -> Any:
    """A noun by its members: the keys of an object, the named items of a list."""
    if name in WHOLE:
        return sealed(value)
    if isinstance(value, Mapping):
        return {str(key): brief(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)) and value:
        names = [name_of(item) for item in value]
        if all(names) and len(set(names)) == len(names):
            found = {n: brief(item) for n, item in zip(names, value)}
            return {**found, "order": sealed(names)}
    return brief(value)


def name_of(item: Any) -> str:
    """What tells an item of a list apart; empty when nothing does."""
    if not isinstance(item, Mapping):
        return ""
    name = next((str(item[key]) for key in KEYS if item.get(key)), "")
    return f"{name} for {item['for']}" if name and item.get("for") else name


def brief(value: Any) -> Any:
    """A short plain value itself, of anything else the digest."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return value if isinstance(value, str) and len(value) <= SHORT else sealed(value)


def sealed(value: Any) -> str:
    """The digest of a value, told from plain texts by its beginning."""
    return f"sha256:{digest(value)}"


def plan_parts(system: str, hosts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The parts of the plan of a run, from what its hosts bring, in their order."""
    each = list(hosts)
    nouns = list(dict.fromkeys(n for told in hosts.values() for n in told["nouns"]))
    plans = {host: told["plan"] for host, told in hosts.items()}
    return {
        "form": FORM,
        "system": system,
        "hosts": {h: f"{n}, from {plans[h]['from'] or 'nothing'}" for n, h in enumerate(each, 1)},
        "wanted": {
            key: over_hosts({h: brief(plan[key]) for h, plan in plans.items()})
            for key in ("to", "digest", "migration_class")
        },
        "migrations": {h: plan["migrate"] for h, plan in plans.items() if plan["migrate"]},
        "migration_files": {p: d for told in hosts.values() for p, d in told["files"].items()},
        **{n: joined({h: told["nouns"].get(n) for h, told in hosts.items()}) for n in nouns},
    }


def joined(values: Mapping[str, Any]) -> Any:
    """One noun over all hosts, member by member."""
    if not any(isinstance(value, Mapping) for value in values.values()):
        return over_hosts(values)
    objects = {h: v if isinstance(v, Mapping) else {} for h, v in values.items()}
    names = list(dict.fromkeys(name for value in objects.values() for name in value))
    return {n: over_hosts({h: value.get(n) for h, value in objects.items()}) for n in names}


def over_hosts(values: Mapping[str, Any]) -> Any:
    """What all hosts have alike, or the digest of what each has."""
    first = next(iter(values.values()))
    return first if all(value == first for value in values.values()) else sealed(dict(values))


def plan_digest(parts: Mapping[str, Any]) -> str:
    """The SHA-256 that a word is bound to."""
    return digest(dict(parts))


def changes(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """The parts that differ between two plans, with their members: "gates (query_p99)"."""
    names = list(dict.fromkeys((*then, *now)))
    return [told(n, then.get(n), now.get(n)) for n in names if then.get(n) != now.get(n)]


def told(name: str, then: Any, now: Any) -> str:
    """One changed part in words; that names changed places is told when nothing else is."""
    words = name.replace("_", " ")
    if not (isinstance(then, Mapping) and isinstance(now, Mapping)):
        return words
    differ = sorted(k for k in {*then, *now} if then.get(k) != now.get(k))
    listed: Sequence[str] = [k for k in differ if k != "order"] or differ
    more = f" and {len(listed) - 4} more" if len(listed) > 4 else ""
    return f"{words} ({', '.join(listed[:4])}{more})"
