"""Filters for the playbooks: decisions that the core makes, given to YAML by name."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Any

from ansible.errors import AnsibleFilterError

from stagegate import controller, overlap, places, plan
from stagegate.errors import StagegateError
from stagegate.migrate import alembic_chain
from stagegate.signing.parts import host_part

GOOD = ("green", "amber")


def new_run_id(now: datetime) -> str:
    """An id for a run: UTC time to the second and four random hexadecimal digits."""
    return now.strftime("%Y%m%dT%H%M%SZ") + "-" + secrets.token_hex(2)


def is_red(hosts: list[str], hostvars: Any) -> bool:
    """True when any of the hosts carries a verdict that must not go on."""
    verdicts = [hostvars[host].get("stagegate_verdict", "green") for host in hosts]
    return any(verdict not in GOOD for verdict in verdicts)


def left_behind(hostvars: Any, tags: list[str]) -> list[str]:
    """The hosts of a whole run that no wave took forward."""
    mine = {host: hostvars[host] for host in hostvars} if "all" in tags else {}
    return [
        host
        for host, known in mine.items()
        if (known.get("stagegate_run") or {}).get("exclusive")
        and not {"stagegate_verdict", "stagegate_outcome"} & set(known)
    ]


def outcome_of(host: str, hostvars: Any, tags: list[str]) -> str:
    """How a host ends: as its rollback said, or deployed when all went forward and none is red."""
    mine = hostvars[host]
    if "stagegate_outcome" in mine:
        return str(mine["stagegate_outcome"])
    red = is_red(list(hostvars), hostvars) or left_behind(hostvars, tags)
    if red or not mine["stagegate_run"]["exclusive"]:
        return "unfinished"
    return "deployed" if "all" in tags else "staged"


def ended_well(hosts: list[str], hostvars: Any, tags: list[str], on_request: bool) -> bool:
    """True when the exit status is 0: nothing is red or left out, nothing went back unasked."""
    ends = [str(hostvars[host].get("stagegate_outcome", "")) for host in hosts]
    good = ("", "nothing", "restored") if on_request else ("", "nothing")
    forward = not is_red(hosts, hostvars) and not left_behind(hostvars, tags)
    return forward and all(end in good for end in ends)


def nothing_back(hosts: list[str], hostvars: Any) -> bool:
    """True after a rollback that found nothing to put back on any host."""
    ends = {hostvars[host].get("stagegate_outcome", "") for host in hosts}
    return ends == {"nothing"}


def main_run(hosts: list[str], hostvars: Any) -> dict[str, Any]:
    """The run that a report is about: the one that holds a host, or the first host's."""
    found = [hostvars[host].get("report_run") or hostvars[host]["stagegate_run"] for host in hosts]
    held = [run for run in found if run["exclusive"]]
    return dict((held or found)[0])


def entries_by_host(hosts: list[str], hostvars: Any) -> dict[str, Any]:
    """The ledger entries that each host gave when its run was closed."""
    closed = {host: hostvars[host].get("__report_closed", {}) for host in hosts}
    return {host: result["entries"] for host, result in closed.items() if "entries" in result}


def parts_by_host(hosts: list[str], hostvars: Any) -> dict[str, Any]:
    """What each host of a run brings to its plan, in their order."""
    return {host: hostvars[host]["__sign_off_part"] for host in hosts}


def attested_by_host(hosts: list[str], hostvars: Any) -> dict[str, Any]:
    """The ledger entries of a run that each host gave when a word on it was written down."""
    told = {host: hostvars[host].get("__sign_off_attested", {}) for host in hosts}
    return {host: result["entries"] for host, result in told.items() if "entries" in result}


def open_runs(hosts: list[str], hostvars: Any) -> list[str]:
    """The runs that are unfinished on any of the hosts."""
    seen = [hostvars[host].get("stagegate_observed") or {} for host in hosts]
    return [str(one["unfinished"]["id"]) for one in seen if one.get("unfinished")]


def wave_of(
    host: str, hosts: list[str], hostvars: Any, waves: list[Any], migration_class: str
) -> int:
    """The wave of a host; which of its system's hosts serve they say of themselves."""
    serving = {name: bool(hostvars[name]["services"]) for name in hosts}
    return plan.wave_of(host, serving, waves, migration_class)


def overlaps(hosts: list[str], hostvars: Any) -> list[str]:
    """What hosts of a play claim twice: one sentence for each place with two names."""
    claims: list[overlap.Claim] = []
    for host in hosts:
        mine = hostvars[host]
        roots = {"state_root": f"{mine['state_root']}/{mine['system']}"}
        roots["release_root"] = mine["release_root"]
        machine = str((mine.get("stagegate_observed") or {}).get("machine", ""))
        claims += overlap.claims_of(host, machine, roots, mine["stores"])
    return [overlap.told(pair) for pair in overlap.overlapping(claims)]


def looks(hosts: list[str], hostvars: Any) -> dict[str, Any]:
    """What each host that was looked at said of its windows."""
    found = {host: hostvars[host].get("__observe_look") or {} for host in hosts}
    return {host: result["evidence"] for host, result in found.items() if "evidence" in result}


def silent(hosts: list[str], hostvars: Any) -> list[str]:
    """The hosts that were to be looked at and did not answer."""
    found = {host: hostvars[host].get("__observe_look") or {} for host in hosts}
    return [h for h, result in found.items() if result.get("unreachable") or result.get("failed")]


def goes_back(hosts: list[str], hostvars: Any) -> bool:
    """True when a window asks for a rollback that needs nobody's consent."""
    asking = any(look["goes_back"] for look in looks(hosts, hostvars).values())
    plans = [(hostvars[h]["stagegate_observed"]["last"] or {}).get("plan") or {} for h in hosts]
    return asking and all(mine.get("migration_class") != "one_way" for mine in plans)


def asked(hosts: list[str], hostvars: Any) -> dict[str, Any]:
    """What each host said of itself, of its services and of its gates; no standing when silent."""
    return {
        host: {
            "standing": (hostvars[host].get("__status_ledger") or {}).get("standing") or {},
            "services": hostvars[host].get("__status_services") or {},
            "gates": (hostvars[host].get("__status_gates") or {})
            .get("evidence", {})
            .get("gates", []),
        }
        for host in hosts
    }


def watch_pace(hosts: list[str], hostvars: Any) -> float:
    """Seconds between two looks at the windows that outlive this command; 0 without any."""
    return min((one for one in of_windows(hosts, hostvars, "pace") if one), default=0.0)


def watch_lasting(hosts: list[str], hostvars: Any) -> float:
    """Seconds until the last window that outlives this command is over; 0 without any."""
    return max(of_windows(hosts, hostvars, "lasting"), default=0.0)


def of_windows(hosts: list[str], hostvars: Any, key: str) -> list[float]:
    """What the hosts said of their windows when these began."""
    found = [hostvars[host].get("__observe_windows") or {} for host in hosts]
    return [float(result.get("evidence", {}).get(key, 0.0)) for result in found]


def plain(function: Callable[..., Any]) -> Callable[..., Any]:
    """Turn a core function into a filter whose errors name what was wrong."""

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except StagegateError as error:
            raise AnsibleFilterError(error.what) from error

    return wrapped


class FilterModule:
    """The filters of this project."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Their names in templates."""
        return {
            "new_run_id": new_run_id,
            "is_red": is_red,
            "outcome_of": outcome_of,
            "ended_well": ended_well,
            "entries_by_host": entries_by_host,
            "main_run": main_run,
            "nothing_back": nothing_back,
            "generation": plain(places.generation),
            "scratch_copy": plain(places.scratch_copy),
            "looks": looks,
            "silent": silent,
            "goes_back": goes_back,
            "watch_pace": watch_pace,
            "watch_lasting": watch_lasting,
            "asked": asked,
            "overlaps": overlaps,
            "migration_texts": plain(alembic_chain.text_patterns),
            "with_dead": controller.with_dead,
            "takes_lock": plan.takes_lock,
            "is_part": plan.is_part,
            "host_part": plain(host_part),
            "parts_by_host": parts_by_host,
            "attested_by_host": attested_by_host,
            "serves": plan.serves,
            "open_runs": open_runs,
            "plan_identity": plan.identity,
            "wave_of": plain(wave_of),
            "deployment_plan": plain(plan.deployment_plan),
        }
