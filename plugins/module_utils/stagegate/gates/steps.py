"""The acts of ``metric_gate``: each is one journal step, and leaves its results in the ledger."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..errors import GateRed, GateUnknown, Refused, StagegateError
from ..history import last_change, live_release
from ..journal import Journal, Run, Step, open_journal
from ..ledger import read_ledger
from .baseline import (
    ABSENT,
    BASELINE_STEP,
    MEASURED,
    MEASURING,
    Baseline,
    from_state,
    of_last_change,
)
from .evaluate import Evaluation, Setting, evaluate, run_measurements, told
from .export import baseline_text, run_export
from .figures import read_figures
from .looks import run_begin
from .model import Gate, Mark, SourceFault
from .rules import RED
from .selftest import run_selftest
from .sources.identity import DEADLINE, read_identity
from .sources.log import Log, read_mark
from .spec import Spec
from .verdict import Result, worst_first
from .windows import Observation, stretched


def running_release(run: Run) -> str:
    """The release that the host's ledger calls live; empty before the first one."""
    return live_release(last_change(read_ledger(run.state / "ledger.jsonl").entries))


def run_baseline(run: Run, spec: Spec, inputs: dict[str, Any], phase: str) -> dict[str, Any]:
    """Record what the running release is like, where its logs end, and what is known of it.

    ``inputs["notes"]`` are the known issues, limitations and expected benefits of the system.
    Raises Refused when the release is not healthy by its own limits: nothing can be compared with
    that.
    """
    live = running_release(run)
    with open_journal(run) as journal, journal.step(phase, BASELINE_STEP[1], inputs) as step:
        if step.earlier is not None:
            step.done(step.earlier.state, step.earlier.evidence)
            return step.earlier.evidence
        step.evidence({"notes": inputs.get("notes") or {}})
        marks = read_marks(spec.gates)
        if live:
            baseline = measure_running(run, spec, live, marks, step)
        else:
            refuse_stranger(run, spec)
            baseline = Baseline(ABSENT, marks=marks, began=time.time())
            step.evidence({"baseline": [], "state": ABSENT})
        text = baseline_text(run, baseline, spec.gates, time.time())
        step.evidence({"metrics": str(run_export(run, text))})
        step.done(baseline.to_state())
        return step.kept


def read_marks(gates: Sequence[Gate]) -> dict[str, Mark]:
    """Where every log of the gates ends now. Raises Refused when one cannot be read."""
    paths = [gate.source.path for gate in gates if isinstance(gate.source, Log)]
    try:
        return {path: read_mark(path) for path in paths}
    except SourceFault as fault:
        raise Refused(
            f"no offset can be recorded: {fault.what}",
            now="nothing was changed",
            untouched="every service and all data",
            next="make the log readable, and run the same command again",
        ) from fault


def refuse_stranger(run: Run, spec: Spec) -> None:
    """Raise Refused when something answers although the ledger knows of no release."""
    for service in spec.services:
        try:
            told_by = read_identity(service, DEADLINE)
        except SourceFault:
            continue
        raise Refused(
            f"{service.name} answers on {run.host} as release {told_by.version}, "
            "but the ledger knows of no live release",
            now="something runs that this tool did not start",
            untouched="every service and all data",
            next=f"stop what listens at {service.url}, then run the same command again",
        )


def measure_running(
    run: Run, spec: Spec, live: str, marks: dict[str, Mark], step: Step
) -> Baseline:
    """Measure the running release and judge it by its absolute limits."""
    began = time.time()
    asked = tuple(g for g in spec.gates if g.baseline and (g.source.kind != "log" or g.relative))
    measured = run_measurements(replace(spec, gates=asked), Setting(live, marks))
    evaluation = evaluate(measured, Baseline(MEASURING, began=began))
    evidence = told(evaluation)
    step.evidence({**evidence, "baseline": evidence.pop("gates"), "state": MEASURED})
    failing = worst_first(evaluation.results)
    if failing:
        first = failing[0]
        raise Refused(
            f"the running release {live} is no baseline on {run.host}: gate {first.gate.name} "
            f"is {first.verdict}: {first.reason}{others(failing)}",
            now=f"release {live} runs as before",
            untouched="every service and all data",
            next="make the running release healthy, or correct the gate, "
            "and run the same command again",
        )
    figures = read_figures(measured.gates, began)
    return Baseline(MEASURED, figures, marks, live, began)


@dataclass(frozen=True)
class Question:
    """What is judged: the release that must answer, by which gates; ``inputs`` tells a resumed run
    whether it is still the same question."""

    version: str
    spec: Spec
    inputs: dict[str, Any]


def run_gate(run: Run, question: Question, phase: str) -> dict[str, Any]:
    """Judge the new release. Raises GateRed or GateUnknown; the results are in the ledger."""
    with open_journal(run) as journal:
        return judge_step(journal, question, (phase, "evaluate"))


def run_observation(
    run: Run, question: Question, windows: Sequence[Observation], scale: float
) -> dict[str, Any]:
    """Judge the new release window by window; the first one that does not pass ends it.

    Windows that a deployment does not wait for are named as ``watched``: they are written down
    before the first second, and go on when this has ended. ``pace`` is the shortest of theirs and
    ``lasting`` when the last one ends, both in seconds and 0 without any.
    """
    start = time.monotonic()
    seen: dict[str, Any] = {}
    later = [one for one in windows if one.outlives and run.exclusive]
    if later:
        run_begin(run, windows, scale, question.version)
    for window in sorted((w for w in windows if not w.outlives), key=lambda one: one.begins):
        time.sleep(max(0.0, start + window.begins * scale - time.monotonic()))
        longer = replace(question, spec=stretched(question.spec, window, scale))
        about = {"window": window.name, "scale": scale, "of_seconds": window.ends - window.begins}
        with open_journal(run) as journal:
            seen[window.step] = judge_step(journal, longer, ("observe", window.step), about)
    return {
        "windows": seen,
        "watched": [one.name for one in later],
        "pace": min((one.pace(scale) for one in later), default=0.0),
        "lasting": max((one.ends * scale for one in later), default=0.0),
    }


def judge_step(
    journal: Journal,
    question: Question,
    name: tuple[str, str],
    about: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """One evaluation as one step of the ledger."""
    baseline = recorded_baseline(journal)
    with journal.step(*name, question.inputs) as step:
        if step.earlier is not None:
            step.done(step.earlier.state, step.earlier.evidence)
            return step.earlier.evidence
        measured = run_measurements(question.spec, Setting(question.version, baseline.marks))
        evaluation = evaluate(measured, baseline)
        step.evidence({**told(evaluation), **(about or {})})
        raise_unless_passed(evaluation, journal.run, question.version)
        step.done({"verdict": evaluation.verdict})
        return step.kept


def recorded_baseline(journal: Journal) -> Baseline:
    """This run's baseline; for a phase asked alone, that of the run which made the live release."""
    entry = journal.last_done(*BASELINE_STEP)
    if entry is None and not journal.run.exclusive:
        return of_last_change(journal.entries)
    return from_state(entry.state if entry else None)


def raise_unless_passed(evaluation: Evaluation, run: Run, version: str) -> None:
    """Raise for the gravest result; only green and amber go on."""
    failing = worst_first(evaluation.results)
    if not failing and evaluation.results:
        return
    if not failing:
        raise GateUnknown(f"no gate judged release {version} on {run.host}: none is defined")
    first = failing[0]
    kind: type[StagegateError] = GateRed if first.verdict == RED else GateUnknown
    raise kind(
        f"gate {first.gate.name} is {first.verdict} on {run.host}: {first.reason}{others(failing)}",
        now=f"release {version} is live on {run.host}",
        untouched="hosts of later waves",
        next="the run goes back by itself; the samples are in its report",
    )


def others(failing: Sequence[Result]) -> str:
    """Which more gates do not pass."""
    names = [result.gate.name for result in failing[1:]]
    return f" (nor do {', '.join(names)} pass)" if names else ""


def run_proofs(run: Run, spec: Spec) -> dict[str, Any]:
    """Prove that every gate can fail and that its source answers; raise Refused otherwise.

    Writes nothing: it is asked before a run has the system.
    """
    proofs = run_selftest(spec, running=bool(running_release(run)))
    problems = [f"{p.gate.name}: {problem}" for p in proofs for problem in p.problems]
    if problems:
        raise Refused(
            f"the gates cannot be trusted on {run.host}: " + "; ".join(problems),
            now="nothing was begun",
            untouched="every service and all data",
            next="correct the gates, or what they read, and run the same command again",
        )
    return {
        "gates": [{"name": p.gate.name, "can_fail": True, "answers": p.answers} for p in proofs]
    }
