"""What a user declares of a JSONL store, read once and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import BadInput
from ..jsonl.rules import Rules
from ..store.model import whole

REFUSE, QUARANTINE = "refuse", "quarantine"


@dataclass(frozen=True)
class Records:
    """What the records of a store must be.

    ``key`` is the field that names a record, empty for the whole of it. ``reads`` tells by release
    which kinds of record it can read; of a release that is not in it nothing is known.
    ``accepted_damage`` is how many findings may be there before anyone calls the file damaged.
    """

    rules: Rules = field(default_factory=Rules)
    key: str = ""
    reads: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    on_torn_tail: str = REFUSE
    accepted_damage: int = 0

    @classmethod
    def from_params(cls, params: Mapping[str, Any], name: str) -> Records:
        """Read the parameter ``store``; raise BadInput naming the key that is wrong."""
        path = f"stores.{name}"
        rules = Rules.from_params(params.get("rules") or {}, f"{path}.rules")
        if rules.accepts("torn_tail"):
            raise BadInput(
                f"{path}.rules.policy.torn_tail: say {path}.on_torn_tail: {QUARANTINE} instead; a "
                "torn tail that stayed would be glued to the next record"
            )
        tail = str(params.get("on_torn_tail") or REFUSE)
        if tail not in (REFUSE, QUARANTINE):
            raise BadInput(f"{path}.on_torn_tail: {tail!r} must be {REFUSE} or {QUARANTINE}")
        key = "accepted_damage"
        return cls(
            rules=rules,
            key=str(params.get("key") or ""),
            reads=read_reads(params.get("reads") or {}, f"{path}.reads", rules),
            on_torn_tail=tail,
            accepted_damage=whole(params.get(key), 0, f"{path}.{key}"),
        )


def read_reads(value: object, path: str, rules: Rules) -> dict[str, tuple[str, ...]]:
    """Which kinds of record each release reads. Raises BadInput for a kind that the rules lack."""
    known = [kind.name for kind in rules.kinds] or ["record"]
    if not isinstance(value, Mapping):
        raise BadInput(f"{path} must map each release to the kinds of record that it reads")
    for release, kinds in value.items():
        if not isinstance(kinds, (list, tuple)):
            raise BadInput(f"{path}.{release} must be a list of kinds of record")
        for kind in kinds:
            if kind not in known:
                raise BadInput(
                    f"{path}.{release}: there is no kind {kind!r}; known here: {', '.join(known)}"
                )
    return {str(release): tuple(kinds) for release, kinds in value.items()}
