"""The acts of watching: begin, look when it is due, and judge a window that is over.

A look takes no lock of a run, for the run is closed: it measures beside everything else, and is
written down when it is still wanted. The verdict of a window is a step of the run that deployed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from ..errors import GateRed, GateUnknown, StagegateError
from ..history import unfinished
from ..journal import Journal, Run, open_journal
from ..ledger import read_ledger
from .baseline import Baseline, of_last_change
from .evaluate import Evaluation, Setting, evaluate, run_measurements
from .rules import RED, SEVERITY, UNKNOWN
from .samples import significant
from .spec import Spec
from .verdict import PASSING, Result
from .watch import (
    BEGIN,
    LOOK,
    Finding,
    Look,
    Watch,
    is_due,
    is_over,
    judge_window,
    next_moment,
    standing_watch,
)
from .windows import HOLD, Observation

SHOWN = ("verdict", "actual", "target", "limit", "baseline", "unit", "kind", "statistic", "reason")

HELD = 10.0
"""Seconds after which a host that a run holds is asked again."""


@dataclass(frozen=True)
class Call:
    """One visit: the host's ledger, the gates as they are written now, and the moment."""

    run: Run
    spec: Spec
    now: float


def run_begin(run: Run, windows: Sequence[Observation], scale: float, version: str) -> None:
    """Write down which windows there will be, so that anybody can go on with them."""
    with open_journal(run) as journal:
        told = [asdict(window) for window in windows]
        state = {"windows": told, "scale": scale, "version": version}
        journal.note(*BEGIN, state=state)


def run_looks(call: Call) -> dict[str, Any]:
    """Make every look that is due, judge every window that is over, and tell what comes next.

    ``next`` is in seconds, None when nothing is left; ``verdict`` is the worst of the windows that
    were judged now, and ``goes_back`` whether it asks for a rollback.
    """
    nothing: dict[str, Any] = {
        "run": "",
        "next": None,
        "judged": [],
        "verdict": "",
        "goes_back": False,
    }
    if is_held(call.run):
        return {**nothing, "next": HELD}
    watch = read_watch(call.run)
    if watch is None:
        return nothing
    for window in watch.waiting:
        if is_due(watch, window, call.now):
            run_look(call, watch, window)
    watch = read_watch(call.run) or watch
    judged = [judge(call, watch, w) for w in watch.waiting if is_over(watch, w, time.time())]
    left = replace(
        watch, judged={**watch.judged, **{one["window"]: one["verdict"] for one in judged}}
    )
    verdicts = sorted((str(one["verdict"]) for one in judged), key=SEVERITY.__getitem__)
    return {
        "run": watch.run,
        "next": next_moment(left, time.time()),
        "judged": judged,
        "verdict": verdicts[-1] if verdicts else "",
        "goes_back": any(one["goes_back"] for one in judged),
    }


def is_held(run: Run) -> bool:
    """True while a run is at work: what it does to the services says nothing of their release."""
    return unfinished(read_ledger(run.state / "ledger.jsonl").entries) is not None


def read_watch(run: Run) -> Watch | None:
    """The watch that stands now."""
    return standing_watch(read_ledger(run.state / "ledger.jsonl").entries)


def run_look(call: Call, watch: Watch, window: Observation) -> None:
    """Measure a window's gates once, and write the look down unless the release went meanwhile."""
    gates = tuple(gate for gate in call.spec.gates if gate.name in window.gates)
    at = time.time()
    baseline = live_baseline(call.run)
    measured = run_measurements(
        replace(call.spec, gates=gates), Setting(watch.version, baseline.marks)
    )
    told = look_of(evaluate(measured, baseline), window, at)
    mine = replace(call.run, id=watch.run, epoch=watch.epoch, exclusive=False)
    with open_journal(mine) as journal:
        still = standing_watch(journal.entries)
        if still is not None and still.run == watch.run and unfinished(journal.entries) is None:
            journal.note("observe", f"{LOOK}{window.step}", evidence=told)


def run_asking(run: Run, spec: Spec, version: str) -> dict[str, Any]:
    """What every gate says now of the live release; nothing is written, whatever it is."""
    baseline = live_baseline(run)
    measured = run_measurements(spec, Setting(version, baseline.marks))
    results = [result.as_dict(most_samples=0) for result in evaluate(measured, baseline).results]
    return {"gates": [{key: one[key] for key in ("name", *SHOWN)} for one in results]}


def live_baseline(run: Run) -> Baseline:
    """What the live release is compared with."""
    return of_last_change(read_ledger(run.state / "ledger.jsonl").entries)


def look_of(evaluation: Evaluation, window: Observation, at: float) -> dict[str, Any]:
    """A look as the ledger keeps it: results without samples; a gate that is gone is unknown."""
    results = {result.gate.name: shown(result) for result in evaluation.results}
    gone = {"verdict": UNKNOWN, "reason": "there is no gate of this name any more"}
    presences = evaluation.measured.window.presences
    served = {n: p.identity.instance for n, p in presences.items() if p.identity is not None}
    return {
        "at": round(at, 3),
        "gates": {name: results.get(name, gone) for name in window.gates},
        "instances": served,
    }


def shown(result: Result) -> dict[str, Any]:
    """What one gate said, in short; the reason only where it did not pass."""
    told = result.as_dict(most_samples=0)
    kept = {key: told[key] for key in SHOWN if told[key] not in (None, "")}
    if result.verdict in PASSING:
        kept.pop("reason", None)
    return kept


def judge(call: Call, watch: Watch, window: Observation) -> dict[str, Any]:
    """Write down the verdict of a window, as a step of the run that deployed the release."""
    found = judge_window(watch, window)
    mine = replace(call.run, id=watch.run, epoch=watch.epoch, exclusive=False)
    told = {
        "window": window.name,
        "scale": watch.scale,
        "of_seconds": window.ends - window.begins,
        "verdict": found.verdict,
        "reason": found.reason,
        "looks": len(watch.seen(window)),
        "covered": round(found.covered, 4),
        "gaps": [[round(begin, 1), round(end, 1)] for begin, end in found.gaps[:20]],
        "restarts": found.restarts,
        "gates": [gate_of(watch, window, name, found) for name in window.gates],
    }
    goes_back = found.verdict == RED or (found.verdict == UNKNOWN and window.on_unknown != HOLD)
    with open_journal(mine) as journal:
        write_verdict(journal, window, told, error_of(call.run, watch, window, found))
    return {**{key: told[key] for key in ("verdict", "reason")}, "window": window.step} | {
        "name": window.name,
        "goes_back": goes_back,
    }


def write_verdict(
    journal: Journal, window: Observation, told: Mapping[str, Any], error: StagegateError | None
) -> None:
    """One step of the ledger, done or failed."""
    try:
        with journal.step("observe", window.step) as step:
            step.evidence(dict(told))
            if error is not None:
                raise error
            step.done({"verdict": told["verdict"]})
    except (GateRed, GateUnknown):
        return  # it stands in the ledger; the other windows are judged all the same


def error_of(run: Run, watch: Watch, window: Observation, found: Finding) -> StagegateError | None:
    """What a window that does not pass says to a person."""
    if found.verdict in PASSING:
        return None
    kind: type[StagegateError] = GateRed if found.verdict == RED else GateUnknown
    back = found.verdict == RED or window.on_unknown != HOLD
    return kind(
        f"the window {window.name} is {found.verdict} on {run.host}: {found.reason}",
        now=f"release {watch.version} is live on {run.host}",
        untouched="every service and all data",
        next="ansible-playbook playbooks/rollback.yml -i <inventory>"
        if back
        else "look at the gaps in the report; to go back: "
        "ansible-playbook playbooks/rollback.yml -i <inventory>",
    )


def gate_of(watch: Watch, window: Observation, name: str, found: Finding) -> dict[str, Any]:
    """One gate over all looks of a window, as the report shows gates: a sample a look."""
    looks = watch.seen(window)
    last = next((one.gates[name] for one in reversed(looks) if name in one.gates), {})
    verdicts = [str(one.gates[name]["verdict"]) for one in looks if name in one.gates]
    samples = [point for point in (point_of(watch, window, one, name) for one in looks) if point]
    reasons = [one.gates[name].get("reason") for one in looks if name in one.gates]
    return {
        **{key: last.get(key) for key in SHOWN if key != "reason"},
        "name": name,
        "verdict": verdict_of(window, verdicts, found),
        "reason": next((str(r) for r in reversed(reasons) if r), f"{len(looks)} looks, all good"),
        "samples": samples[:: max(1, len(samples) // 200)],
        "count": len(samples),
        "min_samples": 1,
        "rejected": {},
    }


def verdict_of(window: Observation, verdicts: list[str], found: Finding) -> str:
    """A gate's verdict in a window: red only when it was for long enough, unknown when unseen."""
    known = [verdict for verdict in verdicts if verdict != UNKNOWN]
    if not known or found.verdict == UNKNOWN:
        return UNKNOWN
    if set(known[-window.red_after :]) == {RED} and len(known) >= window.red_after:
        return RED
    return "green" if set(known) == {"green"} else "amber"


def point_of(watch: Watch, window: Observation, look: Look, name: str) -> list[float] | None:
    """When a look was made, in seconds since its window began, and what the gate was."""
    actual = look.gates.get(name, {}).get("actual")
    if not isinstance(actual, (int, float)):
        return None
    return [round(look.at - watch.start(window), 3), significant(float(actual))]
