"""The record of a run: everything the report shows, built from ledger entries and JUnit results."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from .account import Account, iso, mapping, read_account
from .checklist import Proved, bind
from .clocks import clock_notes
from .evidence import backups, baseline_notes, data_state, gate_results, going_back
from .message import four_parts
from .signed import awaited, plan_signed, sign_offs
from .smoke import smoke_result
from .text import bounded
from .verdict import Ending, exit_code, find_cause, former, run_endings, run_verdict, wanted
from .windows import observations, validation

VERSION = 1


def build_record(
    entries: Mapping[str, object],
    meta: Mapping[str, Any],
    junit: Mapping[str, Mapping[str, Any]] | None = None,
    checklist: Iterable[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """The record of one run, the same for the same inputs at any time.

    ``entries``: ledger entries by host; ``junit``: JUnit results by host (``read_junit``).
    ``meta`` has ``run, system, kind: deploy|rollback, release: {from, to}, hosts`` (all planned),
    and may have ``inventory, destination, unreachable`` (hosts), ``failure`` (one that reached no
    ledger: host, phase, step, and a result's msg and stagegate), ``gates`` and ``sign_offs`` (all
    declared).
    """
    facts = bounded(dict(meta))
    run = str(facts.get("run") or "")
    hosts = in_order({*map(str, facts.get("hosts") or ()), *map(str, entries)})
    accounts = [read_account(h, entries.get(h, []), run) for h in hosts]
    endings = [with_data(e, h) for e, h in zip(run_endings(accounts, facts), accounts)]
    smoke = {a.host: smoke_result(a, (junit or {}).get(a.host)) for a in accounts}
    verdict = run_verdict(endings)
    cause = find_cause(accounts, facts)
    kind = "rollback" if facts.get("kind") == "rollback" else "deploy"
    words = sign_offs(accounts, facts.get("sign_offs"))
    told = {**facts, "kind": kind, "awaited": awaited(words)}
    moments = [t for a in accounts for s in a.steps for t in (s.began, s.ended) if t]
    return {
        "version": VERSION,
        "run": run,
        "system": str(facts.get("system") or ""),
        "kind": kind,
        "inventory": str(facts.get("inventory") or ""),
        "verdict": verdict,
        "exit": exit_code(verdict, kind, cause),
        "release": {"from": former(facts), "to": wanted(facts)},
        "started": iso(min(moments, default=None)),
        "ended": iso(max(moments, default=None)),
        "message": four_parts(verdict, endings, accounts, cause, told),
        "notes": {**baseline_notes(accounts), **clock_notes(accounts)},
        "hosts": {
            a.host: host_record(a, e, smoke[a.host], facts.get("gates"))
            for a, e in zip(accounts, endings)
        },
        "plan_digest": plan_signed(accounts),
        "sign_offs": words,
        "gates_declared": declared(facts.get("gates")),
        "checklist": bind(checklist, Proved(accounts, smoke)),
    }


def host_record(
    account: Account, ended: Ending, smoke: Mapping[str, Any], gates: object
) -> dict[str, Any]:
    """One host's part of the record."""
    windows = observations(account)
    promised = [g for g in gates if isinstance(g, dict)] if isinstance(gates, list) else []
    return {
        "verdict": ended.verdict,
        "release": ended.release,
        "data": ended.data,
        "reason": ended.reason,
        "smoke": dict(smoke),
        "gates": gate_results(account),
        "backups": backups(account),
        "rollback": going_back(account),
        "windows": windows,
        "validation": validation(promised, windows),
        "entries": list(account.entries),
    }


def with_data(ended: Ending, account: Account) -> Ending:
    """The ending with what is true of the data."""
    data = data_state(account, ended.verdict)
    return Ending(ended.host, ended.verdict, ended.release, data, ended.reason)


def declared(gates: object) -> list[dict[str, Any]]:
    """The gates the system declares, so that one which never ran is seen."""
    keys = ("name", "unit", "target", "limit")
    listed = gates if isinstance(gates, list) else []
    named = [g for g in map(mapping, listed) if g.get("name")]
    return [{"limit": g.get("equals"), **{k: g[k] for k in keys if k in g}} for g in named]


def in_order(hosts: Iterable[str]) -> list[str]:
    """Host names with numbers in numerical order: web2 before web10."""
    return sorted(
        hosts, key=lambda h: ([(t, int(d or 0)) for t, d in re.findall(r"(\D*)(\d{0,18})", h)], h)
    )


def to_bytes(record: Mapping[str, Any]) -> bytes:
    """The record as the bytes of record.json."""
    text = json.dumps(record, indent=1, sort_keys=True, ensure_ascii=True, allow_nan=False)
    return text.encode() + b"\n"
