#!/usr/bin/python
"""A host of a system that keeps none of its releases."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_none
short_description: Keep no release on a host
description:
  - For a proxy and the like, which take part in a run but execute nothing of the release.
options:
  action:
    description: What the phases ask of every host; here there is never anything to do.
    type: str
    required: true
    choices: [inspect, probe, stage, activate, restore, prune]
  run: {description: The run context., type: dict, required: true}
"""

EXAMPLES = r"""
- name: Stage nothing
  release_none:
    action: stage
    run: "{{ stagegate_run }}"
"""

RETURN = r"""
paths: {description: The files of the release, always none., type: list, returned: always}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.stagegate.glue import RUN_OPTIONS, run_module


def argument_spec() -> dict[str, Any]:
    """The module's parameters."""
    actions = ["inspect", "probe", "stage", "activate", "restore", "prune"]
    return {
        "action": {"type": "str", "required": True, "choices": actions},
        "run": RUN_OPTIONS,
    }


def act(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Find nothing to do."""
    return {"paths": []}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    run_module(module, act)


if __name__ == "__main__":
    main()
