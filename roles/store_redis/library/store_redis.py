#!/usr/bin/python
"""One Redis server of a system: proved backups, a frozen image where it is needed, the way back."""

from __future__ import annotations

DOCUMENTATION = r"""
module: store_redis
short_description: Back up, freeze, count and restore one Redis server
description:
  - A release does not change what Redis holds. Only beside a migration that leads nowhere back is a
    frozen image kept, and put back with the other stores of the run.
  - Every action but C(probe) and C(verify) is a step in the host's ledger.
options:
  action:
    description:
      - C(probe) tells the facts of the server, and refuses what a deployment must not meet.
      - C(verify) proves a backup again, every byte of it.
      - C(backup) has Redis write a snapshot, copies it, and counts every key of the copy.
      - C(compare) records that there is nothing to compare.
      - C(stage) keeps a frozen image, when the migration of the run is one_way.
      - C(seal) proves the image, and that nobody wrote since.
      - C(activate) records that the new release works on these data from here on.
      - C(forensic) keeps a copy of the present data as evidence.
      - C(delta) counts and exports the keys written since the image.
      - C(prune) removes images that nobody can need any more.
      - C(restore) puts the image of this run in the place of the live files.
    type: str
    required: true
    choices:
      [probe, verify, backup, compare, stage, seal, activate, forensic, delta, prune, restore]
  run: {description: The run context., type: dict, required: true}
  phase: {description: The phase that the step belongs to; by default the action's own., type: str}
  store:
    description:
      - The store. O(store.keep) is how many images stay, O(store.backup_deadline) bounds in seconds
        each part that grows with the data.
    type: dict
    required: true
  directory: {description: The backup that C(verify) proves; by default this run's., type: path}
  admitted:
    description:
      - Users may have written on the new release, so that going back may lose their keys.
      - By default true once this run began to start the services.
    type: bool
  accept_data_loss: {description: The exact number of keys given up., type: int}
  keep_daily: {description: How many daily backups C(prune) keeps., type: int, default: 30}
"""

EXAMPLES = r"""
- name: Back up the cache and prove the copy
  store_redis:
    action: backup
    run: "{{ stagegate_run }}"
    store:
      name: cache
      kind: redis
      password_file: /etc/sparkle/redis-password
      data: /var/lib/redis
      unit: redis-server
      owner: redis
"""

RETURN = r"""
evidence: {description: What the report shows., type: dict, returned: always}
state: {description: What later steps and a rollback need., type: dict, returned: when it changed}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.stagegate.glue import RUN_OPTIONS, run_module
from ansible.module_utils.stagegate.redis.driver import NAMES, run_task
from ansible.module_utils.stagegate.redis.task import Task


def argument_spec() -> dict[str, Any]:
    """The module's parameters."""
    return {
        "action": {"type": "str", "required": True, "choices": list(NAMES)},
        "run": RUN_OPTIONS,
        "phase": {"type": "str"},
        "store": {"type": "dict", "required": True},
        "directory": {"type": "path"},
        "admitted": {"type": "bool"},
        "accept_data_loss": {"type": "int"},
        "keep_daily": {"type": "int", "default": 30},
    }


def act(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Do one action; in check mode say what it would do."""
    return run_task(Task.from_params(params), check_mode)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    run_module(module, act)


if __name__ == "__main__":
    main()
