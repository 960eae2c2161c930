#!/usr/bin/python
"""Schedule the daily drilled backup of a system on its host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_schedule
short_description: Schedule the daily drilled backup of a system on its host
description:
  - Installs a systemd timer and what it starts, a copy of the code that deployments back up with.
options:
  run: {description: The run context., type: dict, required: true}
  system: {description: The system., type: str, required: true}
  stores: {description: The stores., type: list, elements: dict, required: true}
  schedule: {description: When (calendar) and how many are kept (keep)., type: dict, default: {}}
  python: {description: The interpreter on the host., type: path, required: true}
"""

EXAMPLES = r"""
- name: Back up every night
  backup_schedule:
    run: "{{ stagegate_run }}"
    system: abathur
    stores: "{{ stores }}"
    schedule: {calendar: "*-*-* 02:00:00", keep: 30}
    python: /usr/bin/python3
"""

RETURN = r""" # """

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.stagegate import daily_backup, schedule
from ansible.module_utils.stagegate.glue import RUN_OPTIONS, run_module
from ansible.module_utils.stagegate.journal import Run, open_journal

SHIPPED = daily_backup
"""Imported so that it travels to the host together with all that it needs."""


def argument_spec() -> dict[str, Any]:
    """The module's parameters."""
    return {
        "run": RUN_OPTIONS,
        "system": {"type": "str", "required": True},
        "stores": {"type": "list", "elements": "dict", "required": True},
        "schedule": {"type": "dict", "default": {}},
        "python": {"type": "path", "required": True},
    }


def act(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Install the timer."""
    with open_journal(Run.from_params(params["run"])) as journal:
        return {"changed": schedule.install(journal, params, check_mode)}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    run_module(module, act)


if __name__ == "__main__":
    main()
