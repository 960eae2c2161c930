"""Make a staged release live, and put the former one back."""

from __future__ import annotations

from typing import Any

from ..errors import BadInput, Fenced, Refused, StepFailed
from ..files import switch_link
from ..journal import Journal, open_journal
from ..memory import journal_for, remembered
from .links import read_live, read_target, remove_link, target_version
from .request import Request, recorded_manifest
from .tree import shorten, verify_tree

ACTIVATE = ("restart", "activate_release")
RESTORE = ("rollback", "restore_release")


def activate(request: Request, check_mode: bool) -> dict[str, Any]:
    """Switch the live link to the staged release, once the services are held.

    What the link held before is written down before it is first switched: that, and nothing
    relative, is what a rollback puts back. Journal step ("restart", "activate_release"), state
    {link, old: <target or null>, new}.
    """
    root, version = request.root, request.release.version
    live, new = read_live(root), root.target(version)
    before = root.target(live) if live else None
    result = switch_result(str(root.link), before, new)
    if check_mode:
        return result
    with open_journal(request.run) as journal:
        verify_staged(request, journal)
        if before != new:
            require_guard(request)
        state = remembered(journal, *ACTIVATE, "new")
        if state is None:
            state = {"link": str(root.link), "old": before, "new": new}
            journal.note(*ACTIVATE, state=state)
        with journal.step(*ACTIVATE, {"new": new}) as step:
            if before != new:
                switch_link(root.link, new)
            step.done(state=state)
    return {**result, "state": state}


def switch_result(link: str, before: str | None, after: str | None) -> dict[str, Any]:
    """A module's result for a link that goes from one target to another."""
    diff = {
        "before": f"{link} -> {before or 'absent'}\n",
        "after": f"{link} -> {after or 'absent'}\n",
    }
    return {"changed": before != after, "diff": diff if before != after else {}}


def verify_staged(request: Request, journal: Journal) -> None:
    """Raise StepFailed unless the release stands there exactly as this run staged it."""
    version = request.release.version
    staged = journal.last_done("release", "stage")
    if staged is None or staged.state.get("version") != version:
        raise Refused(
            f"release {version} was not staged by run {request.run.id} on {request.run.host}",
            now="the former release is live",
            untouched="the live link",
            next="run the release phase first",
        )
    _, said = verify_tree(request.root.release(version), str(staged.state["manifest"]))
    if said:
        raise StepFailed(
            f"release {version} on {request.run.host} changed since it was staged: {shorten(said)}",
            now="the former release is live",
            untouched="the live link",
            next="find out who writes into the release root of this host",
        )


def require_guard(request: Request) -> None:
    """Raise Refused while a service could start half-way between two releases."""
    if not request.run.guard.exists():
        raise Refused(
            f"the live link of {request.run.system} on {request.run.host} is only switched under "
            f"the start guard, and {request.run.guard} does not stand",
            now="the services were not held first",
            untouched="the live link",
            next="hold the services (phase quiesce, or rollback), then run this step again",
        )


def restore(request: Request, check_mode: bool) -> dict[str, Any]:
    """Point the live link at what this run found there; remove it when there was none.

    The former release is verified before anything is touched. A run that never began to activate
    has nothing to restore. Journal step ("rollback", "restore_release"), state {link, old, new}.
    """
    root = request.root
    with journal_for(request.run, check_mode) as journal:
        memory = remembered(journal, *ACTIVATE, "new")
        if memory is None:
            return {"changed": False}
        before, old = read_target(root), memory["old"]
        result = switch_result(str(root.link), before, old)
        if old is not None:
            verify_former(request, journal, str(old))
        if check_mode:
            return result
        if before != old:
            require_guard(request)
        with journal.step(*RESTORE, {"old": old}) as step:
            if before != old and old is None:
                remove_link(root)
            elif before != old:
                switch_link(root.link, str(old))
            step.done(state={"link": memory["link"], "old": old, "new": memory["new"]})
    return result


def verify_former(request: Request, journal: Journal, old: str) -> None:
    """Raise Fenced unless the former release is still what was staged."""
    version = target_version(old)
    recorded = recorded_manifest(journal.entries, request.root, version)
    try:
        _, said = verify_tree(request.root.release(version), recorded)
    except BadInput as error:
        said = [error.what]
    if said:
        raise Fenced(
            f"the former release {version} on {request.run.host} is not what it was: "
            f"{shorten(said)}",
            now="the new release is still linked, its services are held",
            untouched="the live link, and the data",
            next=f"put {request.root.release(version)} back from its archive, then run "
            "ansible-playbook playbooks/rollback.yml -i <inventory>",
        )
