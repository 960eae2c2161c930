"""Prove that the services are still the processes that this run started."""

from __future__ import annotations

from typing import Any

from ..errors import Refused, StepFailed
from ..memory import journal_for
from .health import TIMEOUT, Answer, ask
from .hold import last_start
from .manager import Host, ProcessState
from .model import Service

COMPARED = {"main_pid": "process", "restarts": "count of restarts", "invocation": "invocation"}


def steady(host: Host, check_mode: bool) -> dict[str, Any]:
    """Compare every service with what the last start of this run recorded.

    It catches a process that died after it had been ready, and one that somebody else restarted.
    Journal step (<phase>, "steady"), state {services: [names]}.
    """
    run = host.fleet.run
    with journal_for(run, check_mode) as journal:
        last = last_start(journal)
        if last is None:
            if check_mode:
                return {"changed": False}
            raise Refused(f"run {run.id} has started no service on {run.host}")
        services = {s.name: s for s in host.fleet.services if s.name in last.state["services"]}
        faults = compare(host, services, last.state["services"])
        if check_mode:
            return {"changed": False, "faults": faults}
        with journal.step(host.fleet.phase, "steady", {"since": last.seq}) as step:
            if faults:
                words = {name: host.manager.last_words(name) for name in faults}
                step.evidence({"faults": faults, "last_words": words})
                raise unsteady(host, faults)
            step.done(state={"services": list(services)})
    return {"changed": False, "services": list(services)}


def unsteady(host: Host, faults: dict[str, str]) -> StepFailed:
    """The words for services that are no longer what was started."""
    said = "; ".join(f"{name}: {fault}" for name, fault in faults.items())
    return StepFailed(
        f"release {host.fleet.version} did not stay up on {host.fleet.run.host}: {said}",
        now="the services are as they were found",
        untouched="hosts of later waves",
        next="read the services' last words in the report",
    )


def compare(
    host: Host, services: dict[str, Service], recorded: dict[str, dict[str, Any]]
) -> dict[str, str]:
    """What is wrong with each service that is not steady."""
    states = host.manager.read(list(services))
    found = {
        name: changed(states[name], recorded[name]) or misspoken(host, service, recorded[name])
        for name, service in services.items()
    }
    return {name: fault for name, fault in found.items() if fault}


def changed(state: ProcessState, recorded: dict[str, Any]) -> str:
    """How the process differs from the one that was started, or ""."""
    if not state.running:
        return f"it does not run any more: {state.ending()}"
    if state.restarts > recorded["restarts"]:
        return state.restarted(recorded["restarts"])
    for key, word in COMPARED.items():
        if getattr(state, key) != recorded[key]:
            return (
                f"somebody else restarted it: its {word} is {getattr(state, key)}, "
                f"this run started {recorded[key]}"
            )
    return ""


def misspoken(host: Host, service: Service, recorded: dict[str, Any]) -> str:
    """What is wrong with its answer, or ""."""
    answer = patient_answer(host, service)
    if answer.fault:
        return answer.fault
    if answer.version != host.fleet.version:
        return f"it says that it is version {answer.version}, not {host.fleet.version}"
    if answer.instance != recorded["instance"]:
        return f"another instance answers: {answer.instance}, not {recorded['instance']}"
    return ""


def patient_answer(host: Host, service: Service) -> Answer:
    """The first good answer within the time of one, or the last bad one."""
    deadline = host.pace.mono() + TIMEOUT
    answer = ask(service.health)
    while not answer.good and host.pace.mono() < deadline:
        host.pace.wait(0.1)
        answer = ask(service.health)
    return answer
