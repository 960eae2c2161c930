"""What a host's services are now, and whether anybody changed their descriptions by hand."""

from __future__ import annotations

from typing import Any

from ..ledger import read_ledger
from .guard import guard_stands
from .health import Answer, ask
from .manager import Host
from .units import read_unit, refuse_edited, rendered


def probe(host: Host) -> dict[str, Any]:
    """The services as they are. Writes no ledger line; raises Refused for a unit edited by hand.

    Result: {guard: bool, services: {name: {exists, active, sub, main_pid, restarts, invocation,
    enabled, unit: absent|same|differs, health: {version, instance, fault}}}}.
    """
    wanted = rendered(host)
    entries = read_ledger(host.fleet.run.state / "ledger.jsonl").entries
    refuse_edited(host, entries)
    states = host.manager.read(host.fleet.names)
    services: dict[str, Any] = {}
    for service in host.fleet.services:
        state = states[service.name]
        text = read_unit(host.manager.unit_path(service.name))
        answer = ask(service.health) if state.running else Answer(fault="it does not run")
        services[service.name] = {
            "exists": state.exists,
            "active": state.active,
            "sub": state.sub,
            "main_pid": state.main_pid,
            "restarts": state.restarts,
            "invocation": state.invocation,
            "enabled": state.enabled,
            "unit": unit_word(text, wanted[service.name]),
            "health": {
                "version": answer.version,
                "instance": answer.instance,
                "fault": answer.fault,
            },
        }
    return {"guard": guard_stands(host.fleet.run), "services": services}


def unit_word(text: bytes | None, wanted: bytes) -> str:
    """How a description on the disk compares with the one that the nouns ask for."""
    if text is None:
        return "absent"
    return "same" if text == wanted else "differs"
