"""Start the services under their new descriptions, and watch them until they are ready."""

from __future__ import annotations

from typing import Any

from ..errors import StepFailed
from ..journal import Journal
from ..memory import journal_for
from .guard import guard_stands, lift_guard
from .health import ask
from .hold import found_before
from .manager import Host
from .model import Fleet, Service
from .readiness import FAILED, READY, WAITING, Expected, Watch
from .units import install, read_unit, rendered

LOOK = 0.1
"""Seconds between two looks at a starting service."""


def start(host: Host, check_mode: bool) -> dict[str, Any]:
    """Install what the nouns say, lift the guard, start, and wait until every service is ready.

    In a rollback the descriptions stay as they were put back, and what did not run before the
    deployment is not started. Journal steps (<phase>, "install_units"), (<phase>, "check_ports")
    and (<phase>, "start"), state {services: {name: {main_pid, restarts, invocation, instance,
    version}}}.
    """
    fleet = host.fleet
    diff = unit_diffs(host)
    with journal_for(fleet.run, check_mode) as journal:
        if check_mode:
            return preview(host, diff)
        back = fleet.phase == "rollback"
        changed = False if back else install(host, journal)
        wanted = ran_before(fleet, journal) if back else fleet.services
        inputs = {"version": fleet.version, "services": [s.name for s in wanted]}
        # Apart from the start, which counts as the moment when users may have come in.
        with journal.step(fleet.phase, "check_ports", inputs) as step:
            refuse_strangers(host, idle_of(host, wanted))
            step.done()
        with journal.step(fleet.phase, "start", inputs) as step:
            watches, begun = begin(host, wanted, known_instances(journal))
            evidence = watch(host, watches)
            step.evidence(evidence)
            refuse_unready(host, watches)
            services = {name: started(watch) for name, watch in watches.items()}
            step.done(state={"services": services})
    result = {"changed": changed or begun, "services": services, "evidence": evidence}
    return {**result, "diff": diff}


def unit_diffs(host: Host) -> list[dict[str, str]]:
    """The descriptions that starting would change, as Ansible shows them."""
    if host.fleet.phase == "rollback":
        return []
    texts = {host.manager.unit_path(name): data for name, data in rendered(host).items()}
    before = {path: read_unit(path) for path in texts}
    return [
        {
            "before_header": str(path),
            "after_header": str(path),
            "before": (before[path] or b"").decode("utf-8", "replace"),
            "after": data.decode(),
        }
        for path, data in texts.items()
        if before[path] != data
    ]


def preview(host: Host, diff: list[dict[str, str]]) -> dict[str, Any]:
    """What starting would do."""
    states = host.manager.read(host.fleet.names)
    idle = [name for name, state in states.items() if not state.running]
    held = guard_stands(host.fleet.run)
    return {"changed": bool(diff or idle or held), "diff": diff, "services": {}}


def ran_before(fleet: Fleet, journal: Journal) -> tuple[Service, ...]:
    """The services that ran when this run began; all of them when it never looked."""
    was = found_before(journal)
    if was is None:
        return fleet.services
    return tuple(s for s in fleet.services if was.get(s.name, {}).get("active"))


def known_instances(journal: Journal) -> frozenset[str]:
    """Every instance that this run has seen or started before."""
    seen = {str(s.get("instance", "")) for s in (found_before(journal) or {}).values()}
    for entry in journal.of_run():
        if entry.step == "start" and entry.kind == "done":
            seen |= {str(s["instance"]) for s in entry.state["services"].values()}
    return frozenset(seen - {""})


def begin(
    host: Host, services: tuple[Service, ...], former: frozenset[str]
) -> tuple[dict[str, Watch], bool]:
    """Lift the guard and start what does not run; True when there was anything to do.

    A service that already runs was started by this run before it was interrupted: it is only
    watched, and its own instance is no former one.
    """
    idle = idle_of(host, services)
    states = host.manager.read([service.name for service in services])
    changed = lift_guard(host.fleet.run) or bool(idle)
    watches = {}
    for service in services:
        if service in idle:
            expected = Expected(host.fleet.version, host.manager.start(service.name), former)
        else:
            expected = Expected(host.fleet.version, states[service.name].restarts)
        watches[service.name] = Watch(service, expected, host.pace.mono())
    return watches, changed


def idle_of(host: Host, services: tuple[Service, ...]) -> list[Service]:
    """The services that do not run."""
    states = host.manager.read([service.name for service in services])
    return [service for service in services if not states[service.name].running]


def refuse_strangers(host: Host, idle: list[Service]) -> None:
    """Raise StepFailed when something answers in the place of a service that does not run."""
    for service in idle:
        answer = ask(service.health)
        if answer.reached:
            who = f"version {answer.version or 'unknown'}, instance {answer.instance or 'unknown'}"
            raise StepFailed(
                f"another process answers {service.health.url} on {host.fleet.run.host}, though "
                f"{service.name} does not run: {answer.fault or who}",
                now="the services are held by the start guard",
                untouched="the processes that were found",
                next=f"find it (ss -ltnp 'sport = :{service.health.port}') and end it, "
                "then run the same command again",
            )


def watch(host: Host, watches: dict[str, Watch]) -> dict[str, Any]:
    """Look at the services until all are ready or one has failed; what was seen, for the report."""
    begun = host.pace.mono()
    while True:
        states = host.manager.read(list(watches))
        for name, one in watches.items():
            one.see(host.pace.mono(), states[name], ask(one.service.health))
        verdicts = {one.verdict for one in watches.values()}
        if FAILED in verdicts or WAITING not in verdicts:
            break
        host.pace.wait(LOOK)
    return {
        "waited": round(host.pace.mono() - begun, 3),
        "services": {name: account(host, one) for name, one in watches.items()},
    }


def account(host: Host, one: Watch) -> dict[str, Any]:
    """What the report shows of one service."""
    seen: dict[str, Any] = {
        "verdict": one.verdict,
        "version": one.answer.version,
        "good_answers": one.good,
        "bad_answers": one.bad,
    }
    if one.verdict != READY:
        seen["reason"] = one.reason
        seen["last_words"] = host.manager.last_words(one.service.name)
    return seen


def refuse_unready(host: Host, watches: dict[str, Watch]) -> None:
    """Raise StepFailed naming each service that failed and why."""
    failed = [f"{name}: {w.reason}" for name, w in watches.items() if w.verdict == FAILED]
    if failed:
        raise StepFailed(
            f"release {host.fleet.version} does not come up on {host.fleet.run.host}: "
            f"{'; '.join(failed)}",
            now="what was started is left as it is, for the rollback to stop",
            untouched="hosts of later waves",
            next="read the services' last words in the report",
        )


def started(one: Watch) -> dict[str, Any]:
    """What later steps compare a service with."""
    return {
        "main_pid": one.state.main_pid,
        "restarts": one.state.restarts,
        "invocation": one.state.invocation,
        "instance": one.answer.instance,
        "version": one.answer.version,
    }
