"""Filters for a failure that reached no ledger: of a stock module, or on the controller itself."""

from __future__ import annotations

from typing import Any

from stagegate.plan import PHASES
from stagegate.record.console import HIDDEN


def failure_of(result: dict[str, Any], task: dict[str, Any], host: str) -> dict[str, Any]:
    """What a host's failed task said; empty when the host is lost, or only another one failed.

    The result stands in the rescue as the task gave it, with what ``no_log`` keeps off the screen.
    """
    if not result.get("failed") or result.get("unreachable"):
        return {}
    failed = [item for item in result.get("results") or [] if item.get("failed")]
    told = failed[0] if failed else result
    hidden = task.get("no_log") or result.get("_ansible_no_log") or told.get("_ansible_no_log")
    said = {"msg": HIDDEN} if hidden else told
    return {
        "host": host,
        "phase": next((phase for phase in PHASES if phase in (task.get("tags") or [])), ""),
        "msg": f"{task.get('name', '')}: {said.get('msg', '')}".strip(": "),
        **({"stagegate": said["stagegate"]} if "stagegate" in said else {}),
    }


def first_failure(hosts: list[str], hostvars: Any) -> dict[str, Any]:
    """The failure of the first host that had one of its own in this command; may be empty."""
    found = [hostvars[host].get("stagegate_failure") or {} for host in hosts]
    return next((failure for failure in found if failure), {})


class FilterModule:
    """The filters of failures."""

    def filters(self) -> dict[str, Any]:
        """Their names in templates."""
        return {"failure_of": failure_of, "first_failure": first_failure}
