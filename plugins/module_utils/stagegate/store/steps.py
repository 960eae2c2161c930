"""What the ledger says of this run's earlier steps, and how a step ends."""

from __future__ import annotations

from typing import Any

from ..errors import StepFailed
from ..journal import Journal, Step
from ..ledger import Entry

Result = dict[str, Any]


def ended(step: Step, state: dict[str, Any], evidence: dict[str, Any]) -> Result:
    """Record a step as done and return the module's result."""
    step.done(state=state, evidence=evidence)
    return {"changed": True, "state": state, "evidence": evidence}


def entries_of(journal: Journal, step: str) -> list[Entry]:
    """All entries of one step of this run, in any phase."""
    return [entry for entry in journal.of_run() if entry.step == step]


def last_state(journal: Journal, step: str) -> dict[str, Any] | None:
    """The state of a step that this run finished; None when it did not."""
    done = [entry for entry in entries_of(journal, step) if entry.kind == "done"]
    return dict(done[-1].state) if done else None


def needed_state(journal: Journal, action: str, store: str) -> dict[str, Any]:
    """The state of a step that must have been finished. Raises StepFailed when it was not."""
    state = last_state(journal, f"{action}:{store}")
    if state is None:
        raise StepFailed(
            f"the step {action}:{store} of run {journal.run.id} is not in the ledger of "
            f"{journal.run.host}",
            now="nothing was changed",
            untouched="the live data",
            next="run the whole deployment; this step builds on that one",
        )
    return state
