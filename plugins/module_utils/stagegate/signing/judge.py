"""Which of the words that a system asks for are there, for exactly this plan, at this moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ..errors import Refused
from ..validate import shown
from .command import sign_command
from .model import DEPLOY, SignOff, Wanted, moment
from .parts import changes, plan_digest

ALTERED = 12
"""The exit code when the word is there, and for something else."""


@dataclass(frozen=True)
class Missing:
    """A word that is not there, and why."""

    role: str
    reason: str
    code: int = Refused.code


@dataclass(frozen=True)
class Judgement:
    """The words that count, one for each role that has one, and the roles that have none."""

    given: tuple[SignOff, ...]
    missing: tuple[Missing, ...]


def judge(
    wanted: Iterable[Wanted], found: Iterable[SignOff], parts: Mapping[str, Any], now: str
) -> Judgement:
    """Judge all words that are asked for before a deployment.

    Of several words of a role that count, the last one is taken; of several that do not, the last
    one is told.
    """
    words = sorted(found, key=lambda s: moment(s.at))
    given, missing = [], []
    for asked in wanted:
        if asked.purpose != DEPLOY:
            continue
        mine = [word for word in words if word.role == asked.role]
        faults = [fault(word, asked, parts, moment(now)) for word in mine]
        good = [word for word, reason in zip(mine, faults) if reason is None]
        nobody = Missing(asked.role, f"nobody has signed as {asked.role}")
        if good:
            given.append(good[-1])
        else:
            missing.append(next((r for r in reversed(faults) if r), nobody))
    return Judgement(tuple(given), tuple(missing))


def fault(word: SignOff, asked: Wanted, parts: Mapping[str, Any], now: datetime) -> Missing | None:
    """Why a word does not count; None when it does."""
    by = f"{word.role} ({shown(word.name)[1:-1]})"
    at, day = moment(word.at), f"on {moment(word.at):%Y-%m-%d at %H:%M:%S} UTC"
    until = min(moment(word.expires), at + timedelta(seconds=asked.lasts))
    if word.digest != plan_digest(parts):
        differ = "; ".join(changes(word.parts, parts))
        return Missing(
            word.role, f"{by} signed another plan {day}; changed since: {differ}", ALTERED
        )
    if at > now:
        return Missing(word.role, f"{by} signed {day}, which is still to come: a clock is wrong")
    if now >= until:
        ended = f"{until:%Y-%m-%d at %H:%M:%S} UTC"
        return Missing(word.role, f"{by} signed {day}, and that expired on {ended}")
    return None


def refusal(
    missing: Sequence[Missing], damaged: Sequence[str], inventory: str, version: str
) -> Refused:
    """The refusal of a deployment that has not all its words."""
    what = [m.reason for m in missing] + [f"not counted: {reason}" for reason in damaged[:4]]
    commands = [sign_command(m.role, inventory, version) for m in missing]
    return Refused(
        f"the plan is not signed: {'; '.join(what)}",
        now="no lock was taken, nothing was changed",
        untouched="every host",
        next="\n".join(commands),
        code=max(m.code for m in missing),
    )
