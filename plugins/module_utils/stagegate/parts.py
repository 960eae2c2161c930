"""What must be in the ledger before a phase by itself, or a resume, may take a host."""

from __future__ import annotations

from .errors import Refused
from .history import last_change, live_release, runs, unfinished
from .journal import Run
from .ledger import read_ledger
from .lock import Lock
from .plan import lacking


def refuse_unknown_run(run: Run, begun: list[str]) -> None:
    """Raise Refused when a run is to be resumed that is unfinished nowhere.

    ``begun`` has the runs that are unfinished on any host of this command: where a controller died
    while it took the locks, some hosts know nothing of its run.
    """
    entries = read_ledger(run.state / "ledger.jsonl").entries
    left = unfinished(entries)
    known = [*([left.id] if left else []), *begun, str((Lock(run.state).owner() or {}).get("run"))]
    if run.id in (*known, *(summary.id for summary in runs(entries))):
        return
    deploy = "ansible-playbook deploy.yml -i <inventory> -e release_version=<version>"
    wanted = next((one for one in known if one != "None"), "")
    raise Refused(
        f"there is no run {run.id} to resume on {run.host}"
        + (f": {wanted} is the unfinished one" if wanted else ""),
        now=f"{live_release(last_change(entries)) or 'no release'} is live",
        untouched="this command changed nothing",
        next=f"{deploy} -e resume={wanted}" if wanted else f"begin one: {deploy}",
    )


def refuse_part_too_early(run: Run, parts: list[str]) -> None:
    """Raise Refused when a phase is asked for before the steps it stands on are in the ledger."""
    entries = read_ledger(run.state / "ledger.jsonl").entries
    left = unfinished(entries)
    if left is None or left.id != run.id:
        asked = ", ".join(parts)
        deploy = "ansible-playbook deploy.yml -i <inventory>"
        raise Refused(
            f"{asked} on {run.host} is a part of a run, and no run {run.id} is open",
            now=f"{live_release(last_change(entries)) or 'no release'} is live",
            untouched="this command changed nothing",
            next=f"go on with the open one: {deploy} -e release_version={left.plan.get('to')} "
            f"-e resume={left.id}"
            if left
            else f"begin one: {deploy} -e release_version=<version>",
        )
    done = {(e.phase, e.step) for e in left.entries if e.kind == "done"}
    for phase in parts:
        step = lacking(phase, done, left.plan.get("migrate") or {})
        if step:
            raise Refused(
                f"{phase} on {run.host} must wait: run {run.id} has not done {step}",
                now="the run is unfinished, the lock is held",
                untouched="this command changed nothing",
                next=f"ansible-playbook deploy.yml -i <inventory> "
                f"-e release_version={left.plan.get('to')} -e resume={run.id}",
            )
