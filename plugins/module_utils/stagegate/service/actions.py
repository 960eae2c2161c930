"""What both service drivers are asked, and what they share of their module's parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..memory import journal_for
from . import units
from .hold import fence, hold
from .manager import Host, Pace, ServiceManager
from .model import Fleet, read_fleet
from .prepare import prepare
from .probe import probe
from .start import start
from .steady import steady

ACTIONS = ("probe", "prepare", "hold", "start", "steady", "restore", "fence")


def act(
    params: Mapping[str, Any],
    check_mode: bool,
    manage: Callable[[Fleet], ServiceManager],
    create_user: bool,
) -> dict[str, Any]:
    """Do one action for all services of a system."""
    fleet, action = read_fleet(params), params["action"]
    if action == "prepare":
        root = Path(str(params["release_root"]))
        return prepare(fleet, root, params.get("writable") or [], check_mode, create_user)
    host = Host(fleet, manage(fleet), Pace())
    if action == "probe":
        return probe(host)
    changing = {"hold": hold, "start": start, "steady": steady, "fence": fence, "restore": restore}
    return changing[action](host, check_mode)


def restore(host: Host, check_mode: bool) -> dict[str, Any]:
    """Put back the descriptions that this run found, once the services are held."""
    with journal_for(host.fleet.run, check_mode) as journal:
        if check_mode:
            return {"changed": units.recorded(journal) is not None}
        return {"changed": units.restore(host, journal)}
