"""What a run wrote down before it acted, read again by the steps that undo or repeat it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from .clock import SystemClock
from .journal import Journal, Run, open_journal
from .ledger import read_ledger


def remembered(journal: Journal, phase: str, name: str, key: str) -> dict[str, Any] | None:
    """What this run wrote down about a step before it first acted: the state that holds ``key``.

    The first such entry counts. Later ones were written when the step ran again, after its own act
    had already changed what they describe.
    """
    for entry in journal.of_run():
        if (entry.phase, entry.step) == (phase, name) and key in entry.state:
            return dict(entry.state)
    return None


@contextlib.contextmanager
def journal_for(run: Run, check_mode: bool) -> Iterator[Journal]:
    """The run's journal; in check mode one that is only read, with no lock, fence or sign of life.

    Nothing may be written through the latter: the caller stops before its first step.
    """
    if check_mode:
        yield Journal(run, SystemClock(), read_ledger(run.state / "ledger.jsonl"))
        return
    with open_journal(run) as journal:
        yield journal
