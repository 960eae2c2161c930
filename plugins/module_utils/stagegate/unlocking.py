"""A lock that no unfinished run owns is freed by a person's word alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .clock import SystemClock
from .errors import Refused
from .history import unfinished
from .journal import Journal, Run
from .ledger import read_ledger
from .lock import Lock, held_error
from .step_lock import step_lock
from .taking import holder_of, refuse_if_alive
from .trouble import refusing_trouble

KEPT = 4096
"""Bytes of a freed lock's record that go into the ledger."""


def unlock(run: Run, named: str, owner: dict[str, Any]) -> bool:
    """Free a system whose lock belongs to no unfinished run; false when it was free.

    ``named`` is the run that the lock is believed to belong to, as the refusal called it. What
    stood in the lock is kept in the ledger. Raises Refused for another run's lock, and LockHeld for
    a run that has a way on or back, or that may be at work.
    """
    clock = SystemClock()
    with step_lock(run.state), refusing_trouble(run.state):
        ledger, lock = read_ledger(run.state / "ledger.jsonl"), Lock(run.state)
        held = lock.owner()
        if held is None and unfinished(ledger.entries) is None:
            return False
        holder = holder_of(held, ledger.entries) or held or {}
        if unfinished(ledger.entries) is not None or holder.get("fenced"):
            raise held_error(holder, run.state, clock)
        if holder.get("run") != named:
            raise Refused(
                f"the lock of {run.host} is that of run {holder.get('run')}, not of {named}",
                now="it is held as before",
                untouched="every service and all data",
                next="if nobody is at work, free it: ansible-playbook playbooks/unlock.yml "
                f"-i <inventory> -e unlock={holder.get('run')}",
            )
        refuse_if_alive(lock, holder, owner, clock)
        journal = Journal(replace(run, exclusive=False), clock, ledger)
        journal.note("preflight", "unlock", {"owner": owner, "freed": kept_record(lock)})
        lock.release()
    return True


def kept_record(lock: Lock) -> str:
    """The beginning of what stands in a lock, whatever it is."""
    place = lock.directory / "owner.json"
    raw = place.read_bytes() if place.is_file() else b""
    return raw[:KEPT].decode("utf-8", "backslashreplace")
