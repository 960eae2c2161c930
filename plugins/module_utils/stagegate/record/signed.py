"""The words that people gave for a run's plan and on the run, read from its ledgers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .account import Account, evidence, mapping, moment, state
from .text import visible

TEXTS = ("role", "name", "at", "expires", "digest", "text", "operator", "controller", "given")
OPENED = ("preflight", "open")


def words_given(accounts: Iterable[Account]) -> list[dict[str, Any]]:
    """Every word in the ledgers once, oldest first, as the record shows it.

    ``{for: deploy|report, lines, role, name, at, expires, digest, text, operator, controller,
    given}``; a word that lacks role or name is none.
    """
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for account in accounts:
        for raw in raw_words(account):
            word: dict[str, Any] = {key: as_text(raw.get(key)) for key in TEXTS}
            lines = raw.get("lines")
            word["lines"] = [str(n) for n in lines] if isinstance(lines, list) else []
            word["for"] = raw["for"]
            if word["role"] and word["name"]:
                found.setdefault((word["role"], word["name"], word["at"]), word)
    return sorted(found.values(), key=lambda word: moment(word["at"]) or 0.0)


def raw_words(account: Account) -> list[dict[str, Any]]:
    """The words in one ledger: those for the plan stand in the entry that opened the run."""
    opened = [e for e in account.entries if (e["phase"], e["step"]) == OPENED]
    listed = [state(entry).get("sign_offs") for entry in opened]
    before = [w for words in listed if isinstance(words, list) for w in words]
    after = [evidence(e).get("attestation") for e in account.entries if e["phase"] == "attest"]
    return [
        *({**w, "for": "deploy"} for w in map(mapping, before)),
        *({**w, "for": "report"} for w in map(mapping, after)),
    ]


def as_text(value: object) -> str:
    """The value when it is a text, else an empty one."""
    return value if isinstance(value, str) else ""


def plan_signed(accounts: Iterable[Account]) -> str:
    """The digest of the run's plan; empty when no ledger has it."""
    opened = [e for a in accounts for e in a.entries if (e["phase"], e["step"]) == OPENED]
    return next((d for d in (as_text(state(e).get("plan_digest")) for e in opened) if d), "")


def sign_offs(accounts: Sequence[Account], declared: object) -> list[dict[str, Any]]:
    """The words that were given, and those on the run that are still awaited.

    ``declared``: the system's own sign-offs. A word that is awaited has no name; on a run that was
    never begun none is.
    """
    given = [{**word, "verdict": "green"} for word in words_given(accounts)]
    begun = any(account.plan for account in accounts)
    listed = declared if isinstance(declared, list) and begun else []
    asked = [w for w in map(mapping, listed) if w.get("for") == "report" and w.get("role")]
    have = {word["role"] for word in given if word["for"] == "report"}
    return given + [
        {
            **dict.fromkeys(TEXTS, ""),
            "role": str(w["role"]),
            "text": as_text(w.get("text")),
            "lines": [str(n) for n in w.get("lines") or ()],
            "for": "report",
            "verdict": "attest",
        }
        for w in asked
        if w["role"] not in have
    ]


def awaited(words: Iterable[Mapping[str, Any]]) -> list[str]:
    """The roles whose word on the run is still awaited."""
    return [str(word["role"]) for word in words if word["verdict"] == "attest"]


def attested(role: str, line: Mapping[str, Any], accounts: Sequence[Account]) -> tuple[str, str]:
    """Verdict and evidence of a checklist line that needs the word of a role: its last one counts.

    What is to be done after a rollback is proved by nobody before it.
    """
    ident, afterwards = str(line.get("id", "")), line.get("after") == "rollback"
    if afterwards and not any(account.began("rollback") for account in accounts):
        return "attest", "nothing went back"
    for word in reversed(words_given(accounts)):
        covered = not word["lines"] or ident in word["lines"]
        if word["role"] == role and covered and not (afterwards and word["for"] == "deploy"):
            who = f"{visible(word['name'], 100)} ({visible(role, 60)})"
            bound = f", plan {visible(word['digest'][:12])}" if word["digest"] else ""
            return "green", f"signed by {who}, {visible(word['at'], 40)}{bound}"
    return "attest", "the word is not given yet"
