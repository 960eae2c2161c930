"""The four parts read first: what happened, what is true, what was not touched, what next."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from ..signing.command import sign_command
from .account import Account
from .evidence import backups
from .text import INVENTORY, filled, listed, visible
from .verdict import (
    QUIET_PHASES,
    Cause,
    Ending,
    consent_needed,
    find_setback,
    former,
    is_switch,
    wanted,
)

HEADLINES = {
    "deployed": "Deployed",
    "staged": "Staged, not live",
    "no_op": "Nothing to do",
    "passed": "Passed",
    "refused": "Refused, nothing changed",
    "restored": "Taken back, the former state serves",
    "unfinished": "Unfinished",
    "unknown": "Not known on every host",
    "fenced": "Fenced, a person is needed",
}
"""One phrase for each verdict."""


def four_parts(
    verdict: str,
    endings: Sequence[Ending],
    accounts: Sequence[Account],
    cause: Cause | None,
    meta: Mapping[str, Any],
) -> dict[str, str]:
    """``{what, now, untouched, next}``; lines within a part are parted by line ends."""
    setback = find_setback(accounts) if verdict not in ("restored", "no_op") else None
    what = [what_happened(verdict, endings, accounts, cause or setback, meta)]
    if cause and setback:
        what.append(f"going back stopped: {placed(setback)}")
    return {
        "what": "\n".join(what),
        "now": "\n".join(now_on(endings)),
        "untouched": left_alone(verdict, endings, accounts, cause),
        "next": "\n".join(what_next(verdict, endings, accounts, setback or cause, meta)),
    }


def what_happened(
    verdict: str,
    endings: Sequence[Ending],
    accounts: Sequence[Account],
    cause: Cause | None,
    meta: Mapping[str, Any],
) -> str:
    """The outcome in one sentence, with the host, the phase and the step where it went wrong."""
    system = visible(meta.get("system") or "the system", 80)
    if verdict == "deployed":
        way = f"from {named(former(meta))} to {named(wanted(meta))}"
        missed = f"; then {placed(cause)}" if cause is not None else ""
        return f"{system} went {way} on {counted(endings)}{missed}"
    if verdict == "no_op" and meta.get("kind") == "rollback":
        return f"nothing of {system} was red or unfinished on {counted(endings)}"
    if verdict == "no_op":
        return f"{system} already runs {named(wanted(meta))} on {counted(endings)}"
    if verdict == "passed":
        phases = dict.fromkeys(s.phase for a in accounts for s in a.steps)
        return f"{', '.join(phases)} of {system} on {counted(endings)}; no run was opened"
    if verdict == "staged":
        return (
            f"{system} {named(wanted(meta))} lies ready on {counted(endings)}; nothing was switched"
        )
    if cause is not None:
        return placed(cause)
    if verdict == "restored":
        return f"{system} was taken back to {named(former(meta))} on request"
    odd = [e for e in endings if e.verdict == verdict] or list(endings)
    if not odd:
        return f"no host of {system} took part in the run"
    reasons = "; ".join(dict.fromkeys(visible(e.reason, 300) for e in odd if e.reason))
    hosts = listed([e.host for e in odd])
    return f"{hosts}: {reasons or 'some hosts went forward and others did not'}"


def placed(cause: Cause) -> str:
    """A failure's words after its place: host, phase and step."""
    step = ".".join(filter(None, (cause.phase, cause.step)))
    where = ", ".join(visible(p, 120) for p in (cause.host, step) if p)
    said = visible(cause.words, 1000)
    return f"{where}: {said}" if where else said


def now_on(endings: Sequence[Ending]) -> list[str]:
    """One line for all hosts that stand alike: what serves there, and the state of the data."""
    alike: dict[str, list[str]] = {}
    for ended in endings:
        alike.setdefault(standing(ended), []).append(ended.host)
    return [f"{listed(hosts)}: {sentence}" for sentence, hosts in alike.items()]


def standing(ended: Ending) -> str:
    """What is true on one host."""
    if ended.verdict == "unknown":
        return f"not known, {visible(ended.reason, 300)}" if ended.reason else "not known"
    if ended.verdict == "fenced":
        serves = "no service runs, the start guard holds them"
    elif ended.release:
        serves = f"{named(ended.release)} serves"
    elif ended.verdict == "no_op":
        serves = "what served before serves"
    elif ended.verdict == "unfinished":
        serves = "the ledger cannot tell which release serves"
    else:
        serves = "no release served before, and none does now"
    why = f" ({visible(ended.reason, 300)})" if ended.reason and ended.verdict != "deployed" else ""
    return f"{serves}; {visible(ended.data, 300)}{why}"


def left_alone(
    verdict: str, endings: Sequence[Ending], accounts: Sequence[Account], cause: Cause | None
) -> str:
    """What the run did not touch, said only of hosts whose ledgers show it."""
    lost = {e.host for e in endings if e.verdict == "unknown"}
    known = [a for a in accounts if a.host not in lost]
    idle = [a.host for a in known if not acted(a)]
    where = f"on {listed([a.host for a in known])}" if lost else "on every host"
    if known and (verdict == "no_op" or len(idle) == len(known)):
        return f"every service and all data, {where}"
    said = visible(cause.parts.get("untouched") or "", 500) if cause else ""
    words = [said] if said else unswitched(known, where)
    if idle:
        words.append(f"{listed(idle)}: nothing was begun there")
    return "; ".join(words or kept_on(known, where))


def kept_on(known: Sequence[Account], where: str) -> list[str]:
    """What the run leaves on the hosts for a way back."""
    kept = ["the backups of this run"] if any(backups(a) for a in known) else []
    kept += ["the former release"] if any(a.plan.get("from") for a in known) else []
    return [f"{' and '.join(kept)}, {where}"] if kept else []


def unswitched(known: Sequence[Account], where: str) -> list[str]:
    """What no host of which we know began to change."""
    if not known:
        return []
    if not any(a.began("quiesce", "migrate", "restart", "rollback") for a in known):
        return [f"the live data and the running services, {where}"]
    if not any(is_switch(s) for a in known for s in a.steps):
        return [f"the live data and the live release, {where}"]
    return []


def acted(account: Account) -> bool:
    """True when a step beyond preflight and baseline was announced."""
    return any(s.phase not in QUIET_PHASES for s in account.steps)


def what_next(
    verdict: str,
    endings: Sequence[Ending],
    accounts: Sequence[Account],
    cause: Cause | None,
    meta: Mapping[str, Any],
) -> list[str]:
    """The next command, each on a line of its own, after the words that say when to use it."""
    deploy, back = command("deploy.yml", meta), command("playbooks/rollback.yml", meta)
    again = f"{deploy} -e release_version={shlex.quote(visible(wanted(meta) or '<version>', 64))}"
    if verdict == "staged":
        return ["make it live with:", again]
    if verdict == "passed":
        return ["nothing to do"]
    if verdict == "deployed" and cause is not None:
        return ["look at the window in the report, and decide; to go back:", back]
    if verdict in ("deployed", "no_op"):
        return nothing_but_words(meta)
    told = (
        filled(str(cause.parts.get("next") or ""), str(meta.get("inventory") or ""))
        if cause
        else ""
    )
    said = visible(told, 500)
    if verdict == "refused":
        return [said or "correct it, then run the same command again:", *([] if said else [again])]
    if verdict == "restored":
        report = f"{visible(meta.get('destination') or '', 300)}/report.html"
        first = f"read {report}, " if meta.get("destination") else ""
        corrected = f"{deploy} -e release_version=<the corrected release>"
        return [f"{first}fix the cause, then deploy again:", corrected]
    if verdict == "fenced":
        return consent(accounts, back, said)
    lost = [e.host for e in endings if e.verdict == "unknown"]
    first = f"bring back {listed(lost)}; then " if lost else ""
    if not any(a.entries for a in accounts):
        return [
            f"{first}put back what the ledgers there call red or unfinished, if anything:",
            back,
        ]
    if any(a.began("rollback") for a in accounts):
        return [f"{first}finish going back:", back]
    resume = f"{again} -e resume={shlex.quote(visible(meta.get('run') or '', 80))}"
    return [f"{first}go on with the run:", resume, "or take it back:", back]


def nothing_but_words(meta: Mapping[str, Any]) -> list[str]:
    """What a run that went well still waits for: a person's word on it, if anything.

    ``meta`` has ``run``, ``inventory`` and ``awaited``, the roles.
    """
    roles = [str(role) for role in meta.get("awaited") or ()]
    if not roles:
        return ["nothing to do; checklist lines that are still pending stand in the report"]
    place, run = str(meta.get("inventory") or INVENTORY), str(meta.get("run") or "")
    return [
        f"when they can tell, ask for the word of {listed(roles)}:",
        *(sign_command(role, place, run=run) for role in roles),
    ]


def consent(accounts: Sequence[Account], back: str, said: str) -> list[str]:
    """What a fenced system waits for: a consent to an exact loss, or a person's eyes."""
    needed = {a.host: n for a in accounts if (n := consent_needed(a)) is not None}
    if not needed:
        return [said or "find out why on the fenced hosts, then finish going back:", back]
    if len(set(needed.values())) > 1:
        each = ", ".join(f"{visible(h, 80)} {n}" for h, n in needed.items())
        return [
            f"the rows that would be lost differ ({each}); decide host by host:",
            *(
                f"{back} --limit {shlex.quote(visible(h, 80))} -e accept_data_loss={n}"
                for h, n in needed.items()
            ),
        ]
    count = next(iter(needed.values()))
    return [
        f"{count} accepted rows would leave the live store; they are exported first. To accept:",
        f"{back} -e accept_data_loss={count}",
    ]


def command(playbook: str, meta: Mapping[str, Any]) -> str:
    """A command of this project against the run's inventory."""
    inventory = meta.get("inventory")
    place = shlex.quote(visible(inventory, 200)) if inventory else INVENTORY
    return f"ansible-playbook {playbook} -i {place}"


def named(release: str) -> str:
    """A release as the text names it."""
    return visible(release, 64) if release else "no release"


def counted(endings: Sequence[Ending]) -> str:
    """How many hosts, by name while they are few."""
    return listed([e.host for e in endings]) if len(endings) <= 3 else f"{len(endings)} hosts"
