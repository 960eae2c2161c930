"""Acceptance lines bound to what this run proved.

A proof is one of::

    smoke:<name>           a smoke test, by name or its beginning (t01 -> test_t01_...)
    smoke:all=<count>      the whole suite: at least <count> tests, each passed
    gate:<name>            a gate
    window:<name>[/<gate>] a window that outlives the deployment, or one gate in it
    step:<phase>.<step>    a step of the ledger; a trailing * stands for any ending
    attest:<role>          a person's word: a sign-off for the plan, or one given on the run
    later:<what>           nothing measures it yet

A line may need several; the worst decides. A proof must hold on every planned host that has the
part it speaks of (services, a store, the code, a door), and one that is absent from the record is
``pending``: no line is green for what did not run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .account import Account
from .evidence import gate_results
from .signed import attested
from .text import duration, listed, measure, visible
from .windows import observations

BEST_FIRST = ("green", "amber", "attest", "pending", "red")
PROOF = re.compile(r"(smoke|gate|window|step|attest|later):(\S.*)", re.DOTALL)
PART_OF = {
    "release.stage": "code",
    "restart.activate_release": "code",
    "release.secrets": "secrets",
    "release.rehearse": "stores",
    "backup.schedule": "stores",
}
"""Steps that only a host with this part takes, by the plan's key."""
DOOR_ACTS = ("quiesce.close", "admit.open", "admit.weight")
WINDOW_SAYS = {"green": "green", "amber": "amber", "red": "red"}
"""What a window proves; one that is unknown, watched or not begun leaves its line pending."""
SUITE = re.compile(r"all=([0-9]+)")


@dataclass(frozen=True)
class Shown:
    """What a proof shows on one host, or over the hosts."""

    verdict: str
    words: str


@dataclass(frozen=True)
class Proved:
    """What there is to prove lines with: accounts and smoke results of all planned hosts."""

    accounts: Sequence[Account]
    smoke: Mapping[str, Mapping[str, Any]]


def bind(lines: Iterable[Mapping[str, Any]], proved: Proved) -> list[dict[str, Any]]:
    """The lines with a verdict and the measured figure: ``{id, text, proof, verdict, evidence}``.

    ``section`` and ``after`` are carried over where a line has them.
    """
    return [bind_line(line, proved) for line in lines]


def bind_line(line: Mapping[str, Any], proved: Proved) -> dict[str, Any]:
    """One line with its verdict."""
    ident = str(line.get("id", ""))
    proofs = proofs_of(line)
    shown = [prove(p, line, proved) for p in proofs] or [Shown("pending", "names no proof")]
    worst = max(shown, key=lambda s: BEST_FIRST.index(s.verdict))
    said = dict.fromkeys(s.words for s in shown if s.verdict == worst.verdict)
    carried = {k: str(line[k]) for k in ("section", "after") if line.get(k)}
    return {
        "id": ident,
        "text": str(line.get("text", "")),
        "proof": ", ".join(proofs),
        "verdict": worst.verdict,
        "evidence": "; ".join(said),
        **carried,
    }


def proofs_of(line: Mapping[str, Any]) -> list[str]:
    """The line's proofs; one may stand without a list."""
    proof = line.get("proof")
    return (
        [str(p) for p in proof]
        if isinstance(proof, (list, tuple))
        else [str(proof)]
        if proof
        else []
    )


def faults(lines: Iterable[object]) -> list[str]:
    """What is wrong with a checklist, one sentence each; nothing when every line can be bound."""
    found: list[str] = []
    seen: set[str] = set()
    for number, line in enumerate(lines, start=1):
        if not isinstance(line, Mapping):
            found.append(f"line {number} is not an object")
            continue
        ident = str(line.get("id") or f"line {number}")
        if not line.get("id") or not line.get("text"):
            found.append(f"{ident} needs an id and a text")
        if ident in seen:
            found.append(f"{ident} stands there twice")
        seen.add(ident)
        proofs = proofs_of(line)
        wrong = [p for p in proofs if not PROOF.fullmatch(p)]
        found += [f"{ident} has a proof of no known form: {visible(p, 80)}" for p in wrong]
        if not proofs:
            found.append(f"{ident} names no proof")
    return found


def prove(proof: str, line: Mapping[str, Any], proved: Proved) -> Shown:
    """What one proof shows over all planned hosts."""
    form = PROOF.fullmatch(proof)
    if form is None:
        return Shown("pending", f"no such form of proof: {visible(proof, 80)}")
    kind, name = form[1], form[2]
    if kind == "later":
        return Shown("pending", "nothing measures it yet")
    if kind == "attest":
        return Shown(*attested(name, line, proved.accounts))
    show = {"smoke": smoke_on, "gate": gate_on, "window": window_on, "step": step_on}[kind]
    asked = [a for a in proved.accounts if is_asked(kind, name, a)]
    return over_hosts(show, name, asked, proved)


def over_hosts(
    show: Callable[[str, Account, Mapping[str, Any]], Shown | None],
    name: str,
    asked: Sequence[Account],
    proved: Proved,
) -> Shown:
    """The worst over the hosts that are asked; those that show nothing leave the line pending."""
    each = {a.host: show(name, a, proved.smoke.get(a.host) or {}) for a in asked}
    shown = {host: s for host, s in each.items() if s is not None}
    if not shown:
        return Shown("pending", "did not run in this run")
    worst = max((s.verdict for s in shown.values()), key=BEST_FIRST.index)
    missing = [host for host in each if host not in shown]
    if missing and worst != "red":
        words = f"on {len(shown)} of {len(each)} hosts; missing on {listed(missing)}"
        return Shown("pending", words)
    hosts = [host for host, s in shown.items() if s.verdict == worst]
    words_of = {host: shown[host].words for host in hosts}
    if len(set(words_of.values())) == 1:
        words = words_of[hosts[0]]
        return Shown(worst, words if len(each) == 1 else f"{words} ({listed(hosts)})")
    told = "; ".join(f"{visible(h, 60)}: {words_of[h]}" for h in hosts[:6])
    return Shown(worst, told if len(hosts) <= 6 else f"{told}; and {len(hosts) - 6} more")


def is_asked(kind: str, name: str, account: Account) -> bool:
    """False for a proof of a part that the host does not have, by the plan it was given.

    Nor is a host asked for the way back that never left its former state.
    """
    plan = account.plan
    if kind != "step":
        return bool(plan.get("serves", True))
    if name.startswith("rollback."):
        return account.began("quiesce", "migrate", "restart", "rollback")
    act, _, thing = name.partition(":")
    if not thing:
        return bool(plan.get(PART_OF.get(name, ""), True))
    if act in DOOR_ACTS:  # they stand in the ledger of the door's own host
        return any(label.startswith(f"{act}:") for label in account.latest())
    stores = plan.get("stores")
    return stores is None or thing in stores or (thing == "*" and bool(stores))


def smoke_on(name: str, _account: Account, smoke: Mapping[str, Any]) -> Shown | None:
    """What the smoke tests of one host show for a test's name or for the whole suite."""
    cases: list[dict[str, Any]] = list(smoke.get("cases") or [])
    suite = SUITE.fullmatch(name)
    found = cases if suite else [c for c in cases if is_named(name, c["name"])]
    if not found:
        return None
    passed = [c for c in found if c["outcome"] == "passed"]
    failed = [c for c in found if c["outcome"] == "failed"]
    if failed:
        return Shown(
            "red", f"{listed([c['name'] for c in failed], 3)} failed: {failed[0]['message'][:200]}"
        )
    if suite:
        return suite_shown(len(passed), len(found), int(suite[1]))
    if len(passed) < len(found):
        return Shown("pending", f"skipped: {visible(found[0]['message'], 200)}")
    measured = [c["measured"] for c in passed if c["measured"]]
    took = duration(sum(c["seconds"] or 0.0 for c in passed))
    return Shown("green", visible(", ".join(measured), 200) if measured else f"passed in {took}")


def suite_shown(passed: int, ran: int, wanted: int) -> Shown:
    """The verdict of a whole suite without failures."""
    words = f"{passed} of {max(ran, wanted)} passed"
    return Shown("green" if passed == ran >= wanted else "pending", words)


def is_named(name: str, case: str) -> bool:
    """True when a test's name is the wanted one, begins with it, or is a parameter set of it."""
    bare = case.partition("[")[0]
    return bare in (name, f"test_{name}") or bare.startswith((f"test_{name}_", f"{name}_"))


def gate_on(name: str, account: Account, _smoke: Mapping[str, Any]) -> Shown | None:
    """The worst of a gate's last results on one host; unknown proves nothing."""
    found = [g for g in gate_results(account) if g["name"] == name]
    if not found:
        return None
    verdicts = {"unknown": "pending"}
    worst = max(found, key=lambda g: BEST_FIRST.index(verdicts.get(g["verdict"], g["verdict"])))
    if worst["verdict"] == "unknown":
        return Shown(
            "pending", f"inconclusive: {visible(worst.get('reason') or 'no reason told', 200)}"
        )
    unit = str(worst.get("unit") or "")
    limits = [
        f"{k} {measure(worst[k], unit)}" for k in ("target", "limit") if worst.get(k) is not None
    ]
    return Shown(worst["verdict"], ", ".join([measure(worst.get("actual"), unit), *limits]))


def window_on(name: str, account: Account, _smoke: Mapping[str, Any]) -> Shown | None:
    """What a window says, or one gate in it; until it is judged the line is pending."""
    title, _, gate = name.partition("/")
    found = [one for one in observations(account) if one["name"] == title]
    if not found:
        return None
    window = found[-1]
    if not gate:
        seen = f"{window['looks']} looks" + (f", {window['reason']}" if window["reason"] else "")
        return Shown(WINDOW_SAYS.get(window["verdict"], "pending"), visible(seen, 200))
    mine = [one for one in window["gates"] if one["name"] == gate]
    if not mine:
        return None
    actual = measure(mine[0]["actual"], str(mine[0]["unit"] or ""))
    return Shown(WINDOW_SAYS.get(mine[0]["status"], "pending"), f"{actual} in {visible(title, 60)}")


def step_on(name: str, account: Account, _smoke: Mapping[str, Any]) -> Shown | None:
    """How the last attempts of a step, or of all steps that begin alike, ended on one host."""
    latest = account.latest()
    if name.endswith("*"):
        found = [s for label, s in latest.items() if label.startswith(name[:-1])]
    else:
        found = [latest[name]] if name in latest else []
    if not found:
        return None
    failed = [s for s in found if s.outcome == "failed"]
    if failed:
        return Shown("red", f"{visible(failed[-1].label, 100)} failed")
    if any(s.outcome == "open" for s in found):
        return Shown("pending", "was begun and has no outcome")
    took = sum((s.ended or s.began) - s.began for s in found)
    return Shown("green", f"done in {duration(took)}")
