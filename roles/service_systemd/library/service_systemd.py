#!/usr/bin/python
"""The services of a system under systemd."""

from __future__ import annotations

DOCUMENTATION = r"""
module: service_systemd
short_description: Hold, start and watch services under systemd
description:
  - One call acts on all services of a system.
  - Unit files are rendered from the nouns, hardened, and obey the start guard.
options:
  action:
    description:
      - C(probe) tells what runs and refuses a unit that was changed by hand; it writes nothing.
      - C(prepare) makes the account and the directories.
      - C(hold) puts the start guard up and stops everything; C(fence) does so for a person.
      - C(start) installs what the nouns say (not in a rollback), lifts the guard, starts, and waits
        until every service is ready.
      - C(steady) proves that the services are still the processes that were started.
      - C(restore) puts back the units that the run found.
    type: str
    required: true
    choices: [probe, prepare, hold, start, steady, restore, fence]
  run: {description: The run context., type: dict, required: true}
  phase: {description: The phase that the step belongs to., type: str, default: restart}
  services: {description: The noun services., type: list, elements: dict, required: true}
  service_user: {description: The account that the services run as., type: str}
  version: {description: The release that they must say they are., type: str}
  release_root: {description: Where the releases lie; for C(prepare)., type: path}
  writable: {description: Directories of the service account., type: list, elements: path}
"""

EXAMPLES = r"""
- name: Start the services and wait until they are the new release
  service_systemd:
    action: start
    run: "{{ stagegate_run }}"
    services: "{{ services }}"
    service_user: abathur
    version: "1.1"
"""

RETURN = r"""
guard: {description: Whether the start guard stands., type: bool, returned: probe}
services: {description: What each service is., type: dict, returned: probe and start}
was: {description: What was found before the first stop., type: dict, returned: hold}
created: {description: Accounts and directories that were made., type: list, returned: prepare}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.stagegate.glue import RUN_OPTIONS, run_module
from ansible.module_utils.stagegate.service import actions
from ansible.module_utils.stagegate.service.systemd import Systemd


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
        "writable": {"type": "list", "elements": "path"},
    }


def act(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Do one action."""
    return actions.act(params, check_mode, lambda _: Systemd(), create_user=True)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=argument_spec(),
        supports_check_mode=True,
        required_if=[("action", "prepare", ["release_root"]), ("action", "start", ["version"])],
    )
    run_module(module, act)


if __name__ == "__main__":
    main()
