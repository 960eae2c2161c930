"""From the parameters of ``metric_gate`` to its acts."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import Any

from ..errors import BadInput
from ..journal import Run
from .looks import Call, run_asking, run_looks
from .sources.sql import Sql
from .spec import Spec, read_spec
from .steps import Question, run_baseline, run_gate, run_observation, run_proofs
from .windows import Observation, read_windows

PHASES = {"baseline": "baseline", "gate": "gate", "window": "observe"}


def act(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Do one action of the module; in check mode everything is validated and nothing measured.

    A self-test only reads, and is the same in check mode.
    """
    run = Run.from_params(params["run"])
    spec = named(read_spec(params["gates"], params["services"], params["synthetic"]), run)
    windows = read_windows(params["windows"], [gate.name for gate in spec.gates])
    if params["action"] == "selftest":
        return {"evidence": run_proofs(run, spec)}
    if params["action"] == "ask":
        return {"evidence": run_asking(run, spec, str((params["release"] or {})["version"]))}
    if check_mode:
        return {"evidence": {"would_measure": [gate.name for gate in spec.gates]}}
    return {"evidence": measure(params, run, spec, windows)}


def named(spec: Spec, run: Run) -> Spec:
    """The same gates, which ask servers in the name of a run."""
    gates = tuple(
        replace(gate, source=replace(gate.source, run=run.id))
        if isinstance(gate.source, Sql)
        else gate
        for gate in spec.gates
    )
    return replace(spec, gates=gates)


def measure(
    params: dict[str, Any], run: Run, spec: Spec, windows: tuple[Observation, ...]
) -> dict[str, Any]:
    """Do one action that is a step of the ledger."""
    action = params["action"]
    phase = params["phase"] or PHASES.get(action, "observe")
    inputs = {key: params[key] for key in ("gates", "synthetic", "windows", "window_scale")}
    if action == "look":
        return run_looks(Call(run, spec, time.time()))
    if action == "baseline":
        return run_baseline(run, spec, {**inputs, "notes": params["notes"]}, phase)
    version = str((params["release"] or {}).get("version") or "")
    if not version:
        raise BadInput("release.version is missing: which release must answer?")
    question = Question(version, spec, {**inputs, "version": version})
    if action == "gate":
        return run_gate(run, question, phase)
    scale = params["window_scale"]
    if not (math.isfinite(scale) and 0 < scale <= 1):
        raise BadInput(f"window_scale must be above 0 and at most 1, not {scale}")
    return run_observation(run, question, windows, scale)
