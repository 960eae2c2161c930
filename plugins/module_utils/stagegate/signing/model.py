"""The words that a system asks for, and the words that people gave."""

from __future__ import annotations

import hmac
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from ..errors import BadInput
from ..gates.fields import DURATION, UNITS
from ..record.checklist import PROOF, proofs_of
from ..record.text import HIDDEN
from ..validate import Problem, nearest, shown
from .parts import plan_digest

DEPLOY, REPORT = "deploy", "report"
LONGEST = 100
"""Characters of a person's name."""
TEXTS = ("role", "name", "at", "expires", "digest", "text", "operator", "controller", "given")
LARGE = 2000
"""Characters of any text of a sign-off."""


@dataclass(frozen=True)
class Wanted:
    """A word that the system asks for; ``lasts`` in seconds, no ``lines`` means all of its role."""

    role: str
    purpose: str
    lasts: float
    text: str = ""
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class SignOff:
    """A word that a person gave; times are UTC, ISO 8601.

    ``digest`` and ``parts`` are of the plan it is for; ``given`` tells how: terminal or variable.
    """

    role: str
    name: str
    at: str
    expires: str
    digest: str
    text: str
    operator: str
    controller: str
    given: str
    lines: tuple[str, ...] = ()
    parts: dict[str, Any] = field(default_factory=dict)

    def brief(self) -> dict[str, Any]:
        """What the ledger and the record keep: all but the plan's parts."""
        kept = {k: v for k, v in asdict(self).items() if k != "parts"}
        return {**kept, "lines": list(self.lines), "for": DEPLOY}


def read_wanted(sign_offs: Iterable[Mapping[str, Any]]) -> list[Wanted]:
    """The words that a system asks for, each once; what is written was validated before."""
    found: dict[tuple[str, str], Wanted] = {}
    for raw in sign_offs:
        wanted = Wanted(
            str(raw["role"]),
            str(raw.get("for") or DEPLOY),
            seconds(str(raw.get("expires") or "24h")),
            str(raw.get("text") or ""),
            tuple(str(line) for line in raw.get("lines") or ()),
        )
        found.setdefault((wanted.role, wanted.purpose), wanted)
    return list(found.values())


def seconds(text: str) -> float:
    """A duration such as 24h in seconds. Raises BadInput."""
    match = DURATION.fullmatch(text)
    if match is None:
        raise BadInput(f"sign_offs: {shown(text)} is no duration: write 90m, 24h or 7d")
    return float(match[1]) * UNITS[match[2]]


def wanted_for(wanted: Sequence[Wanted], role: str, purpose: str) -> Wanted:
    """The word that a role may give. Raises BadInput with the nearest right name."""
    mine = [w for w in wanted if w.purpose == purpose]
    found = [w for w in mine if w.role == role]
    if not found:
        when = "before a deployment" if purpose == DEPLOY else "on a run"
        raise BadInput(
            f"nobody is asked to sign {when} as {shown(role)}; "
            + (nearest(role, [w.role for w in mine]) or "the system asks for no such word"),
            now="nothing was signed",
            untouched="every host",
            next="name a role of sign_offs; one with a space: -e \"sign_as='QA lead'\"",
        )
    return found[0]


def faults(
    sign_offs: Sequence[Mapping[str, Any]], checklist: Iterable[Mapping[str, Any]]
) -> list[Problem]:
    """What is wrong with the sign-offs of a system that is right in its form.

    Without the noun a checklist may name whom it likes; with it, each ``attest:`` names a role of
    it, and each line that a role proves is there.
    """
    problems, seen = [], set()
    for number, raw in enumerate(sign_offs):
        key = (str(raw["role"]).casefold(), raw.get("for") or DEPLOY)
        if key in seen:
            problems.append(
                Problem(f"sign_offs[{number}].role", f"{shown(raw['role'])} stands twice")
            )
        seen.add(key)
    lines = {str(line.get("id")): line for line in checklist}
    problems += unknown_lines(sign_offs, lines)
    return problems + unknown_roles(sign_offs, lines)


def unknown_lines(
    sign_offs: Sequence[Mapping[str, Any]], lines: Mapping[str, Mapping[str, Any]]
) -> list[Problem]:
    """Lines that a role is to prove and the checklist has not."""
    return [
        Problem(f"sign_offs[{n}].lines", f"no line {shown(line)}", nearest(str(line), list(lines)))
        for n, raw in enumerate(sign_offs)
        for line in raw.get("lines") or ()
        if str(line) not in lines
    ]


def unknown_roles(
    sign_offs: Sequence[Mapping[str, Any]], lines: Mapping[str, Mapping[str, Any]]
) -> list[Problem]:
    """Proofs by roles that are not declared."""
    roles = list(dict.fromkeys(str(raw["role"]) for raw in sign_offs))
    asked = [
        (ident, proof[2])
        for ident, line in lines.items()
        for proof in filter(None, map(PROOF.fullmatch, proofs_of(line)))
        if proof[1] == "attest" and roles
    ]
    return [
        Problem(f"checklist.{ident}.proof", f"no role {shown(role)}", nearest(role, roles))
        for ident, role in asked
        if role not in roles
    ]


def check_name(name: object) -> str:
    """A person's name as it may be kept, or BadInput: no line end, escape or hidden character."""
    text = name.strip() if isinstance(name, str) else ""
    wrong = (
        "is missing"
        if not text
        else f"has more than {LONGEST} characters"
        if len(text) > LONGEST
        else f"{shown(text)} has a control or a hidden character"
        if any(unicodedata.category(c) in HIDDEN for c in text)
        else f"{shown(text)} is no name"
        if not any(c.isalpha() for c in text) or "{{" in text or "{%" in text
        else ""
    )
    if wrong:
        raise BadInput(
            f"the name of who signs {wrong}",
            now="nothing was signed",
            untouched="every host",
            next="give it at the terminal, or by: -e \"sign_name='First Last'\"",
        )
    return text


def make_sign_off(
    wanted: Wanted, name: object, parts: Mapping[str, Any], who: Mapping[str, str], now: str
) -> SignOff:
    """A word for a plan, from ``now`` until it expires; ``who`` has operator, controller, given."""
    until = moment(now) + timedelta(seconds=wanted.lasts)
    return SignOff(
        role=wanted.role,
        name=check_name(name),
        at=now,
        expires=until.isoformat(timespec="microseconds"),
        digest=plan_digest(parts),
        text=wanted.text,
        operator=who["operator"],
        controller=who["controller"],
        given=who["given"],
        lines=wanted.lines,
        parts=dict(parts),
    )


def read_sign_off(value: object) -> SignOff:
    """A word as it was kept. Raises BadInput for what is cut short, altered or never was one."""
    if not isinstance(value, Mapping):
        raise BadInput("it is no object")
    lacking = [k for k in TEXTS if not isinstance(value.get(k), str) or len(value[k]) > LARGE]
    if lacking or not isinstance(value.get("parts"), Mapping):
        raise BadInput(f"it has no usable {', '.join(lacking) or 'parts'}")
    lines = value.get("lines")
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise BadInput("it has no usable lines")
    check_name(value["name"])
    if moment(value["at"]) > moment(value["expires"]):
        raise BadInput("it expires before it was given")
    if not hmac.compare_digest(plan_digest(value["parts"]), value["digest"]):
        raise BadInput("its parts are not those of its digest: it was altered")
    known = {k: value[k] for k in TEXTS}
    return SignOff(**known, lines=tuple(lines), parts=dict(value["parts"]))


def moment(text: str) -> datetime:
    """A moment with its zone. Raises BadInput."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadInput(f"{shown(text)} is no moment") from error
    if found.tzinfo is None:
        raise BadInput(f"{shown(text)} has no zone")
    return found.astimezone(timezone.utc)
