"""Filters for the way back: which runs go back over all hosts, and which hosts bar or miss it."""

from __future__ import annotations

from typing import Any

from stagegate import reopening


def admitted_elsewhere(host: str, hosts: list[str], hostvars: Any) -> bool:
    """True when users may have reached the new release of a store that this host only keeps."""
    if hostvars[host]["services"]:
        return False
    told = [hostvars[name].get("rollback_seen", {}) for name in hosts]
    return any(seen.get("observed", {}).get("admitted", True) for seen in told)


def told_of(hosts: list[str], hostvars: Any) -> dict[str, dict[str, Any]]:
    """What each host that answers said of itself when the run was to be taken back."""
    seen = {name: hostvars[name].get("rollback_seen", {}).get("observed") for name in hosts}
    return {name: told for name, told in seen.items() if told}


def going_back(hosts: list[str], hostvars: Any) -> list[str]:
    """The runs that a rollback is about: the one this command holds, or what the ledgers say."""
    held = {str(hostvars[h]["stagegate_run"]["id"]) for h in hosts if is_held(hostvars[h])}
    return sorted(held) or reopening.going_back(list(told_of(hosts, hostvars).values()))


def holding(hosts: list[str], hostvars: Any) -> list[str]:
    """The runs that held a host when the way back was decided."""
    return sorted({told["holder"] for told in told_of(hosts, hostvars).values()} - {""})


def refusing(hosts: list[str], hostvars: Any) -> list[str]:
    """The hosts for which a rollback by hand goes back nowhere: they answer, and were not taken.

    Where a run has acted, the others go back without them: there is something to be put in order.
    """
    told = told_of(hosts, hostvars)
    if any(one["acted"] for one in told.values()):
        return []
    return [name for name in told if "rollback_way" not in hostvars[name]]


def is_held(mine: Any) -> bool:
    """True for a host that this command has taken."""
    return bool(mine.get("stagegate_run", {}).get("exclusive", False))


def behind(mine: Any, fact: str, wanted: str) -> bool:
    """True for a host that was to reach a point of the rollback, by its way back, and did not.

    A host whose way back is not known may have to reach every point.
    """
    return bool((mine.get("rollback_way") or {}).get(wanted, True)) and fact not in mine


def unheld(hosts: list[str], hostvars: Any) -> list[str]:
    """The hosts whose services may still write to a store that they share."""
    return [name for name in hosts if behind(hostvars[name], "rollback_held", "hold")]


def not_back(hosts: list[str], hostvars: Any) -> list[str]:
    """The hosts that keep data for others and did not put them back.

    A host that serves from stores of its own concerns nobody else: it goes back in its own wave.
    """
    keepers = [n for n in hosts if hostvars[n]["stores"] and not hostvars[n]["services"]]
    return [name for name in keepers if behind(hostvars[name], "rollback_data_back", "data")]


def is_lost(mine: Any) -> bool:
    """True for a host that did not say how it stands when the run was taken back.

    It was not reached, or nothing may be done on it any more: it may go on with the new release.
    """
    seen = mine.get("rollback_seen") or {}
    return bool(seen.get("unreachable", False) or seen.get("failed", False))


def lost_servers(hosts: list[str], hostvars: Any) -> list[str]:
    """The hosts behind a door that cannot be reached: they are shut out of the users' way."""
    doored = [name for name in hosts if hostvars[name]["traffic_manager"] != "none"]
    return [name for name in doored if is_lost(hostvars[name])]


def door_keeper(hosts: list[str], hostvars: Any) -> str:
    """The first reachable host behind a door, which speaks to the door for those that are lost."""
    doored = [name for name in hosts if hostvars[name]["traffic_manager"] != "none"]
    return next((name for name in doored if not is_lost(hostvars[name])), "")


class FilterModule:
    """The filters of a rollback."""

    def filters(self) -> dict[str, Any]:
        """Their names in templates."""
        return {
            "admitted_elsewhere": admitted_elsewhere,
            "going_back": going_back,
            "holding": holding,
            "refusing": refusing,
            "not_back": not_back,
            "unheld": unheld,
            "lost_servers": lost_servers,
            "door_keeper": door_keeper,
        }
