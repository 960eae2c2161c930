"""Clocks that were set during a run, seen from the ledger's two times of each entry."""

from __future__ import annotations

from collections.abc import Iterable

from .account import Account, moment
from .text import duration, number

ROOM = 5.0
"""Seconds by which the wall clock may leave the steady one between two entries: a server that keeps
time slews by at most 500 parts in a million, and steps what is more (ntpd(8))."""


def clock_notes(accounts: Iterable[Account]) -> dict[str, list[str]]:
    """What the report says of clocks that were set; nothing while all of them went on steadily."""
    told = [words for account in accounts for words in settings_of(account)]
    return {"clocks": told} if told else {}


def settings_of(account: Account) -> list[str]:
    """Each time that a host's wall clock was set within one boot, or went back over a restart."""
    found = []
    for before, after in zip(account.entries, account.entries[1:]):
        first, second = moment(before.get("t_wall")), moment(after.get("t_wall"))
        begun, ended = number(before.get("t_mono")), number(after.get("t_mono"))
        if first is None or second is None or begun is None or ended is None:
            continue
        same = before.get("boot_id") == after.get("boot_id")
        steady = ended - begun if same else max(0.0, second - first)
        moved = second - first - steady
        if abs(moved) > ROOM + steady * 0.001:
            way = "forward" if moved > 0 else "back"
            found.append(
                f"{account.host}: its clock was put {way} by {duration(abs(moved))} between "
                f"entries {before.get('seq')} and {after.get('seq')}; "
                "durations here are those of its steady clock"
            )
    return found
