"""From the parameters of ``jsonl_validate`` to its verdict."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .quarantine import run_quarantine
from .rules import Rules
from .scan import run_scan

OWN = ("path", "start", "until", "quarantine")


def act(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Judge a file; copy its bad bytes to the side file, where one is named, before failing.

    Raises BadLines or FileChanged. In check mode no side file is written.
    """
    written = {key: v for key, v in params.items() if key not in OWN and v is not None}
    rules = Rules.from_params(written, "jsonl_validate")
    path = Path(params["path"])
    report = run_scan(path, rules, params["until"], params["start"])
    result: dict[str, Any] = {"changed": False, "evidence": report.as_evidence()}
    asked = params["quarantine"] and report.verdict != "unknown"
    if asked and (report.torn or not report.good):
        if check_mode:
            result.update(changed=not Path(params["quarantine"]).exists())
        else:
            done = run_quarantine(report, path, Path(params["quarantine"]))
            result.update(changed=done.changed)
            result["evidence"]["quarantine"] = vars(done)
    report.refuse_bad(result)
    return result
