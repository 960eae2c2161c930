"""The daily backup of a system, without Ansible: copy, restore drill, retention.

``python3 -m stagegate.daily_backup --config <file>``, started by a timer on the host. The file is
JSON: ``{"system", "host", "state", "stores": [as declared], "keep": daily backups that stay}``. One
line of JSON says how it went, on standard output; the exit status is 0 or the verdict's code. It
takes no lock: it reads beside the writers and beside a deployment, and notes the outcome in the
ledger.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from .errors import BadInput, StagegateError, StepFailed
from .files import read_json
from .files_store import daily as files
from .journal import Run, open_journal
from .jsonl_store import daily as jsonl
from .postgresql import daily as postgresql
from .redis import daily as redis
from .sqlite import daily as sqlite
from .store.at_work import at_work

KINDS = {
    "files": files,
    "jsonl": jsonl,
    "postgresql": postgresql,
    "redis": redis,
    "sqlite": sqlite,
}
"""Each names its ``Task`` and how it is taken, shown and pruned."""

NOTE_DEADLINE = 600.0
"""Seconds to wait for a step of a deployment to end before the outcome is noted."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; the exit status is the verdict's code."""
    parser = argparse.ArgumentParser(prog="daily_backup", description=__doc__)
    parser.add_argument("--config", required=True, type=Path, help="what to back up, as JSON")
    config = parser.parse_args(argv).config
    try:
        result = {"ok": True, **run_daily(read_config(config), datetime.now(timezone.utc))}
        code = 0
    except StagegateError as error:
        result, code = {"ok": False, **error.parts()}, error.code
    sys.stdout.write(json.dumps(result, sort_keys=True) + "\n")
    return code


def read_config(path: Path) -> dict[str, Any]:
    """The configuration. Raises BadInput when it cannot be read or lacks a key."""
    try:
        config = read_json(path)
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} cannot be read: {error}") from error
    wanted = ("system", "host", "state", "stores")
    missing = [key for key in wanted if not isinstance(config, dict) or not config.get(key)]
    if missing:
        raise BadInput(f"{path} lacks {', '.join(missing)}")
    return dict(config)


def run_daily(config: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Back up every store, then remove what is too old; raise when one store fails.

    A store that fails does not keep the others from being backed up. Nothing is removed while a
    step of a deployment is at work.
    """
    run = f"daily-{now.strftime('%Y%m%dT%H%M%SZ')}"
    stores, failures, removed = [], [], []
    for store in config["stores"]:
        try:
            kind = kind_of(store)
            task = kind.Task.from_params(params_of(config, store, run))
            stores.append(back_up(kind, task, now.isoformat(timespec="seconds")))
            with open_journal(task.run, deadline=NOTE_DEADLINE) as journal:
                removed += kind.prune(task, journal.entries)
        except StagegateError as error:
            failures.append(error)
    if failures:
        raise failures[0]
    return {"run": run, "stores": stores, "removed": removed}


def kind_of(store: dict[str, Any]) -> Any:
    """How a store of this kind is backed up. Raises BadInput for one that is not."""
    try:
        return KINDS[store["kind"]]
    except KeyError as error:
        raise BadInput(f"a store of kind {error} has no daily backup") from error


def params_of(config: dict[str, Any], store: dict[str, Any], run: str) -> dict[str, Any]:
    """One call of the store's driver, under the run id of this day."""
    context = {"id": run, "epoch": 0, "exclusive": False}
    context.update({key: config[key] for key in ("system", "host", "state")})
    params = {"action": "backup", "run": context, "store": store}
    return {**params, "keep_daily": config.get("keep")}


def back_up(kind: Any, task: Any, taken: str) -> dict[str, Any]:
    """Take one drilled backup and note how it went; raise what went wrong."""
    try:
        with at_work(task.run):
            manifest = kind.take(task, taken)
    except OSError as error:
        failure = StepFailed(f"backup of {task.store.name}: {error}", untouched="the live data")
        note(task.run, task.step, {"error": failure.parts()}, {}, "failed")
        raise failure from error
    except StagegateError as error:
        note(task.run, task.step, {"error": error.parts()}, {}, "failed")
        raise
    if manifest is None:
        evidence: dict[str, Any] = {"store": task.store.name, "absent": True}
        note(task.run, task.step, evidence, {"absent": True}, "observed")
        return evidence
    evidence = kind.backup_evidence(task.backup, manifest)
    note(task.run, task.step, evidence, kind.backup_state(task, manifest), "observed")
    return evidence


def note(run: Run, step: str, evidence: dict[str, Any], state: dict[str, Any], kind: str) -> None:
    """Write the outcome into the ledger; the work itself holds no step back."""
    with open_journal(run, deadline=NOTE_DEADLINE) as journal:
        journal.note("backup", step, evidence, state, kind)


if __name__ == "__main__":
    sys.exit(main())
