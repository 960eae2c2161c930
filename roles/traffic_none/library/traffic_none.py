#!/usr/bin/python
"""Systems whose users reach the services directly."""

from __future__ import annotations

DOCUMENTATION = r"""
module: traffic_none
short_description: Admit traffic to a system without a door
description:
  - Nothing can be opened or closed, for nothing stands before the services.
  - The start itself admitted the users; C(open) records that, so that the ledger tells the same
    story for every system.
options:
  action:
    description: What to do.
    type: str
    required: true
    choices: [probe, close, open]
  run: {description: The run context., type: dict, required: true}
  phase: {description: The phase that the step belongs to., type: str, default: admit}
"""

EXAMPLES = r"""
- name: Record that users reach the new release
  traffic_none:
    action: open
    run: "{{ stagegate_run }}"
"""

RETURN = r"""
doors: {description: Always the word none., type: str, returned: always}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.stagegate.glue import RUN_OPTIONS, run_module
from ansible.module_utils.stagegate.journal import Run, open_journal

DOORS = {"doors": "none"}


def argument_spec() -> dict[str, Any]:
    """The module's parameters."""
    return {
        "action": {"type": "str", "required": True, "choices": ["probe", "close", "open"]},
        "run": RUN_OPTIONS,
        "phase": {"type": "str", "default": "admit"},
    }


def act(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Tell that there is no door; record the admission."""
    if params["action"] == "open" and not check_mode:
        run, phase = Run.from_params(params["run"]), params["phase"]
        with open_journal(run) as journal, journal.step(phase, "open", DOORS) as step:
            step.done(state=DOORS)
    return dict(DOORS)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    run_module(module, act)


if __name__ == "__main__":
    main()
