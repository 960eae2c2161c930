#!/usr/bin/python
"""Run the self-tests of the new and the old release on a copy of the data."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_selftest
short_description: Prove the new and the old release on a migrated copy of the data
description:
  - Runs the new release's self-test, then the old one's, as the service user, with a deadline.
options:
  run: {description: The run context., type: dict, required: true}
  rehearsal:
    description: The command, the variables that name the copies, its environment, its deadline.
    type: dict
    required: true
  stores:
    description: The stores whose copies are rehearsed.
    type: list
    elements: dict
    required: true
  user: {description: The service user., type: str, required: true}
  new_path: {description: The staged release., type: path, required: true}
  old_path: {description: The live release; empty when it need not go on., type: str, default: ""}
"""

EXAMPLES = r"""
- name: Prove both releases on the copy
  release_selftest:
    run: "{{ stagegate_run }}"
    rehearsal:
      command: [/usr/bin/python3, bin/abathur-selftest]
      copies: {memory: ABATHUR_DATABASE}
    stores: "{{ stores }}"
    user: abathur
    new_path: /srv/abathur/releases/1.1
    old_path: /srv/abathur/releases/1.0
"""

RETURN = r""" # """

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.stagegate.glue import RUN_OPTIONS, run_module
from ansible.module_utils.stagegate.journal import Run, open_journal
from ansible.module_utils.stagegate.rehearsal import rehearse


def argument_spec() -> dict[str, Any]:
    """The module's parameters."""
    return {
        "run": RUN_OPTIONS,
        "rehearsal": {"type": "dict", "required": True},
        "stores": {"type": "list", "elements": "dict", "required": True},
        "user": {"type": "str", "required": True},
        "new_path": {"type": "path", "required": True},
        "old_path": {"type": "str", "default": ""},
    }


def act(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Run both self-tests."""
    if not check_mode:
        with open_journal(Run.from_params(params["run"])) as journal:
            rehearse(journal, params)
    return {"changed": True}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    run_module(module, act)


if __name__ == "__main__":
    main()
