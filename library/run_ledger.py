#!/usr/bin/python
"""Begin, observe, judge and end a run on one host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: run_ledger
short_description: Begin, observe, judge and end a run on one host
description:
  - Keeps the lock, the epoch and the ledger of one system on one host.
  - Every action but C(observe) and C(status) writes to the ledger before it returns.
options:
  action:
    description:
      - C(observe) tells which run is open, which release is live and which way leads back.
      - C(status) tells more of that, with the last backups and the windows that are watched.
      - C(open) takes the system for a run, or takes over a killed one with O(resume).
      - C(reopen) takes the system to put its last change back.
      - C(smoke) records the outcome of a smoke suite, and fails unless all of it passed.
      - C(warn) says, before users are admitted, that the automatic way back ends there.
      - C(attest) adds a person's word to a run that was begun here, also after its end.
      - C(close) writes the terminal entry and frees the system.
      - C(unlock) frees a system whose lock belongs to no unfinished run.
    type: str
    required: true
    choices: [observe, status, open, reopen, smoke, warn, attest, close, unlock]
  run: {description: The run context., type: dict, required: true}
  plan: {description: What the run will do; compared when it is resumed., type: dict}
  owner: {description: Who runs it, and which controllers are known dead., type: dict}
  expect_free: {description: Fail when a run holds the system., type: bool, default: false}
  resume: {description: Take over the run of this id., type: bool, default: false}
  parts:
    description: The phases that a resumed run is to do.
    type: list
    elements: str
    default: []
  begun:
    description: The runs that hold any host of this command.
    type: list
    elements: str
    default: []
  unlock: {description: The run whose lock is to be freed., type: str}
  signed: {description: The plan's digest and the sign-offs for it., type: dict}
  word: {description: A person's word on the run., type: dict}
  phase: {description: The phase that a smoke outcome belongs to., type: str, default: smoke}
  outcome: {description: A smoke suite's outcome., type: dict}
  expected: {description: The number of smoke tests that must pass., type: int}
  verdict: {description: How the run ended., type: str}
  evidence: {description: What the terminal entry shows., type: dict}
  admitted:
    description: Users may have reached the new release through another host of a shared store.
    type: bool
    default: false
  together:
    description: The runs that go back on all hosts; a finished one of another id stays.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Take the system
  run_ledger:
    action: open
    run: "{{ stagegate_run }}"
    plan: {kind: deploy, from: "1.0", to: "1.1"}
    owner: {operator: night shift, controller: deploy1, controller_id: deploy1/4711}
"""

RETURN = r"""
run: {description: The run context with its epoch., type: dict, returned: open and reopen}
observed: {description: What the ledger says., type: dict, returned: observe}
standing: {description: How the system stands., type: dict, returned: status}
way_back: {description: The way back., type: dict, returned: reopen}
entries: {description: The run's ledger entries., type: list, returned: attest and close}
"""

import time
from collections.abc import Callable
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.stagegate import (
    attesting,
    conduct,
    parts,
    reopening,
    status,
    unlocking,
)
from ansible.module_utils.stagegate.glue import RUN_OPTIONS, run_module
from ansible.module_utils.stagegate.journal import Run

CHANGES_NOTHING = "observe"


def argument_spec() -> dict[str, Any]:
    """The module's parameters."""
    return {
        "action": {
            "type": "str",
            "required": True,
            "choices": ["observe", "status", *CHANGES],
        },
        "run": RUN_OPTIONS,
        "plan": {"type": "dict"},
        "owner": {"type": "dict"},
        "expect_free": {"type": "bool", "default": False},
        "resume": {"type": "bool", "default": False},
        "parts": {"type": "list", "elements": "str", "default": []},
        "begun": {"type": "list", "elements": "str", "default": []},
        "unlock": {"type": "str"},
        "signed": {"type": "dict"},
        "word": {"type": "dict"},
        "phase": {"type": "str", "default": "smoke"},
        "outcome": {"type": "dict"},
        "expected": {"type": "int"},
        "verdict": {"type": "str"},
        "evidence": {"type": "dict"},
        "admitted": {"type": "bool", "default": False},
        "together": {"type": "list", "elements": "str", "default": []},
    }


def act(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Do one action; in check mode only observing does anything."""
    run, action = Run.from_params(params["run"]), params["action"]
    if action == CHANGES_NOTHING:
        return {"observed": conduct.observe_host(run, params["expect_free"])}
    if action == "status":
        return {"standing": status.read_standing(run, time.time())}
    if check_mode:
        return {"run": params["run"], "entries": []}
    return CHANGES[action](run, params)


def open_run(run: Run, params: dict[str, Any]) -> dict[str, Any]:
    """Take the system, or take over the run that is to be resumed."""
    if params["parts"]:
        parts.refuse_part_too_early(run, params["parts"])
    elif params["resume"]:
        parts.refuse_unknown_run(run, params["begun"])
    planned, owner, signed = params["plan"], params["owner"], params["signed"]
    epoch = conduct.open_run(run, planned, owner, params["resume"], signed)
    return {
        "run": {**params["run"], "epoch": epoch, "exclusive": epoch > 0, "plan": params["plan"]}
    }


def reopen(run: Run, params: dict[str, Any]) -> dict[str, Any]:
    """Take the system to put its last change back."""
    held, way = reopening.reopen_run(
        run, params["owner"], params["admitted"], params["together"], params["begun"]
    )
    taken = {"id": held.id, "epoch": held.epoch, "exclusive": held.exclusive}
    return {"run": {**params["run"], **taken}, "way_back": way, **told(held, way)}


def smoke(run: Run, params: dict[str, Any]) -> dict[str, Any]:
    """Record how a smoke suite ended."""
    conduct.judge_smoke(run, params["phase"], params["outcome"], params["expected"])
    return {}


def warn(run: Run, params: dict[str, Any]) -> dict[str, Any]:
    """Say that the automatic way back ends here."""
    return {"warnings": [conduct.warn_of_no_return(run, params["run"]["plan"])]}


def attest(run: Run, params: dict[str, Any]) -> dict[str, Any]:
    """Add a person's word to a run."""
    return attesting.attest_run(run, params["word"])


def close(run: Run, params: dict[str, Any]) -> dict[str, Any]:
    """Write the terminal entry and free the system."""
    return {"entries": conduct.close_run(run, params["verdict"], params["evidence"] or {})}


def unlock(run: Run, params: dict[str, Any]) -> dict[str, Any]:
    """Free a system whose lock belongs to no unfinished run."""
    return {"changed": unlocking.unlock(run, str(params["unlock"]), params["owner"])}


CHANGES: dict[str, Callable[[Run, dict[str, Any]], dict[str, Any]]] = {
    "open": open_run,
    "reopen": reopen,
    "smoke": smoke,
    "warn": warn,
    "attest": attest,
    "close": close,
    "unlock": unlock,
}


def told(run: Run, way: dict[str, Any]) -> dict[str, Any]:
    """What the screen shows when there is nothing to put back."""
    if way["name"] != "none":
        return {}
    live = conduct.observe_host(run)["live"] or "no release"
    message = {
        "what": way["reason"],
        "now": f"{run.host}: {live} is live",
        "untouched": "every service and all data, on every host",
        "next": "nothing",
    }
    return {"stagegate_report": {"verdict": "no_op", "message": message}}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    run_module(module, act)


if __name__ == "__main__":
    main()
