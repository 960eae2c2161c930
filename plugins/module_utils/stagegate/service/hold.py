"""Hold the services: guard first, then stop, then prove that nothing of them is left."""

from __future__ import annotations

from typing import Any

from ..errors import StepFailed
from ..journal import Journal
from ..ledger import Entry
from ..memory import journal_for
from .guard import guard_stands, raise_guard
from .health import ask
from .manager import Host
from .model import Service
from .units import all_names, read_unit, sha256

GRACE = 1.0
"""Seconds beyond ``stop_within``, so that a manager that kills by itself does it first."""

AFTER_KILL = 10.0
"""Seconds in which the kernel must have ended a process after SIGKILL."""

STEP = "hold"


def hold(host: Host, check_mode: bool) -> dict[str, Any]:
    """Let no process of the system run, and none start, until the guard is lifted.

    Journal step (<phase>, "hold"), state {was: {service: {active, main_pid, unit_sha256, instance,
    version}}}: what this run found before it first stopped anything. A run that is resumed after it
    has started the services again does not stop them a second time.
    """
    run, phase = host.fleet.run, host.fleet.phase
    with journal_for(run, check_mode) as journal:
        names = all_names(host, journal.entries)
        held = guard_stands(run) and not unstopped(host, names)
        changed = not held and not started_since(journal, phase)
        if check_mode:
            return {"changed": changed, "held": held}
        was = remember_found(host, journal, names)
        with journal.step(phase, STEP, {"services": list(names)}) as step:
            evidence = hold_now(host, names) if changed else {}
            step.done(state={"was": was}, evidence=evidence)
    return {"changed": changed, "held": True, "was": was, "evidence": evidence}


def fence(host: Host, check_mode: bool) -> dict[str, Any]:
    """Hold the services for a person. Journal step ("rollback", "fence"), state {fenced: true}.

    What ran is written down first, as by ``hold``: a later rollback starts it again.
    """
    run = host.fleet.run
    with journal_for(run, check_mode) as journal:
        names = all_names(host, journal.entries)
        changed = not guard_stands(run) or bool(unstopped(host, names))
        if check_mode:
            return {"changed": changed}
        remember_found(host, journal, names)
        with journal.step("rollback", "fence", {"services": list(names)}) as step:
            evidence = hold_now(host, names)
            step.done(state={"fenced": True}, evidence=evidence)
    return {"changed": changed, "evidence": evidence}


def started_since(journal: Journal, phase: str) -> bool:
    """Tell whether this run has held its services in this phase and started them again since.

    A fence stops them once more, however far it came; a hold after a start stopped nothing.
    """
    begun = "rollback" if phase == "rollback" else "restart"
    held = started = 0
    for entry in journal.of_run():
        if entry.kind == "done" and (entry.phase, entry.step) == (phase, STEP):
            held = held if 0 < held < started else entry.seq
        if entry.kind == "done" and (entry.phase, entry.step) == (begun, "start"):
            started = entry.seq
        if (entry.phase, entry.step) == ("rollback", "fence"):
            started = 0
    return 0 < held < started


def remember_found(host: Host, journal: Journal, names: tuple[str, ...]) -> dict[str, Any]:
    """The services as this run first found them, written down before they are first stopped."""
    was = found_before(journal)
    if was is None:
        was = observe(host, names)
        journal.note(host.fleet.phase, STEP, state={"was": was})
    return was


def found_before(journal: Journal) -> dict[str, Any] | None:
    """The services as this run found them before it first held them, in whatever phase."""
    for entry in journal.of_run():
        if entry.step == STEP and "was" in entry.state:
            was: dict[str, Any] = entry.state["was"]
            return was
    return None


def observe(host: Host, names: tuple[str, ...]) -> dict[str, Any]:
    """What each service is now, with what it says of itself."""
    states = host.manager.read(names)
    by_name = {service.name: service for service in host.fleet.services}
    return {
        name: {
            "active": state.running,
            "main_pid": state.main_pid,
            "unit_sha256": sha256(read_unit(host.manager.unit_path(name))),
            **identity(by_name.get(name), state.running),
        }
        for name, state in states.items()
    }


def identity(service: Service | None, running: bool) -> dict[str, str]:
    """The instance and version that a running service tells."""
    if service is None or not running:
        return {"instance": "", "version": ""}
    answer = ask(service.health)
    return {"instance": answer.instance, "version": answer.version}


def unstopped(host: Host, names: tuple[str, ...]) -> list[str]:
    """The services of which anything still runs."""
    states = host.manager.read(names)
    return [n for n in names if not states[n].stopped or host.manager.pids(n)]


def hold_now(host: Host, names: tuple[str, ...]) -> dict[str, Any]:
    """Put the guard up, then stop the services, the last one first."""
    raise_guard(host.fleet.run)
    begun = host.pace.mono()
    patience = {service.name: service.stop_within for service in host.fleet.services}
    killed = [name for name in reversed(names) if stop_one(host, name, patience.get(name, 10.0))]
    left = unstopped(host, names)
    if left:
        raise survivors(host, left)
    return {"stopped_in": round(host.pace.mono() - begun, 3), "killed": killed}


def stop_one(host: Host, name: str, patience: float) -> bool:
    """Stop a service, by force after its patience (seconds). True when it needed force."""
    if not unstopped(host, (name,)):
        return False
    host.manager.stop(name)
    if gone(host, name, patience + GRACE):
        return False
    host.manager.kill(name)
    if not gone(host, name, AFTER_KILL):
        raise survivors(host, [name])
    return True


def gone(host: Host, name: str, within: float) -> bool:
    """Wait until nothing of a service is left; False at the deadline."""
    deadline = host.pace.mono() + within
    while unstopped(host, (name,)):
        if host.pace.mono() > deadline:
            return False
        host.pace.wait(0.05)
    return True


def survivors(host: Host, names: list[str]) -> StepFailed:
    """The words for processes that outlive SIGKILL."""
    pids = {name: host.manager.pids(name) for name in names}
    return StepFailed(
        f"{', '.join(names)} on {host.fleet.run.host} cannot be stopped: processes {pids} remain "
        "after SIGKILL",
        now="the start guard stands; these processes may still write",
        untouched="data and code: nothing was switched",
        next="look at what they wait for (/proc/<pid>/stack), then run the same command again",
    )


def last_start(journal: Journal) -> Entry | None:
    """This run's last finished start, in whatever phase."""
    found = [e for e in journal.of_run() if e.step == "start" and e.kind == "done"]
    return found[-1] if found else None
