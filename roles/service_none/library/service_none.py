#!/usr/bin/python
"""A host of a system on which none of its services runs."""

from __future__ import annotations

DOCUMENTATION = r"""
module: service_none
short_description: Keep the start guard and the ledger of a host without services
description:
  - For the host of a shared database or of a proxy. It has a part in the run, with its own lock and
    ledger, and nothing to start or stop.
options:
  action:
    description:
      - C(prepare) makes the account and the directories for the releases.
      - C(hold) and C(start) put the start guard up and take it away, so that code and data change
        under it as on every host. The others find nothing to do.
    type: str
    required: true
    choices: [probe, prepare, hold, start, steady, restore, fence]
  run: {description: The run context., type: dict, required: true}
  phase: {description: The phase that the step belongs to., type: str, default: restart}
  services:
    description: The noun services; it must be empty.
    type: list
    elements: dict
    required: true
  service_user: {description: The account that migrations run as., type: str}
  version: {description: The release of the run., type: str}
  release_root: {description: Where the releases lie; for C(prepare)., type: path}
"""

EXAMPLES = r"""
- name: Put the start guard up
  service_none:
    action: hold
    run: "{{ stagegate_run }}"
    services: []
"""

RETURN = r"""
guard: {description: Whether the start guard stands., type: bool, returned: probe}
services: {description: Always empty., type: dict, returned: probe and start}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.stagegate.glue import RUN_OPTIONS, run_module
from ansible.module_utils.stagegate.service import actions
from ansible.module_utils.stagegate.service.nothing import Nothing


def argument_spec() -> dict[str, Any]:
    """The module's parameters."""
    return {
        "action": {"type": "str", "required": True, "choices": list(actions.ACTIONS)},
        "run": RUN_OPTIONS,
        "phase": {"type": "str", "default": "restart"},
        "services": {"type": "list", "elements": "dict", "required": True},
        "service_user": {"type": "str"},
        "version": {"type": "str"},
        "release_root": {"type": "path"},
    }


def act(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Do one action."""
    return actions.act(params, check_mode, Nothing, create_user=True)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=argument_spec(),
        supports_check_mode=True,
        required_if=[("action", "prepare", ["release_root"])],
    )
    run_module(module, act)


if __name__ == "__main__":
    main()
