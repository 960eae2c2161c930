#!/usr/bin/python
"""One directory of files of a system: proved backups, new generations, and the way back."""

from __future__ import annotations

DOCUMENTATION = r"""
module: store_files
short_description: Back up, stage, switch and restore one directory of files
description:
  - The data live in generations, and one link says which is live. No action writes to a live one.
  - Every action but C(probe) and C(verify) is a step in the host's ledger.
options:
  action:
    description:
      - C(probe) walks the tree, and refuses what a deployment must not meet.
      - C(backup) copies the tree beside its writers, restores the copy and compares it.
      - C(verify) proves a backup again, every byte of it.
      - C(compare) proves a migrated copy against this run's backup, path by path.
      - C(stage) freezes the live generation and makes the new one as its copy.
      - C(seal) proves the migrated generation against the frozen one.
      - C(activate) switches the link to it, under the start guard.
      - C(forensic) keeps a whole copy of the present tree as evidence.
      - C(delta) counts the paths that changed since the activation, and keeps copies of the files.
      - C(restore) puts the link back to what this run found.
      - C(prune) removes backups and generations that nobody can need any more.
    type: str
    required: true
    choices:
      [probe, verify, backup, compare, stage, seal, activate, forensic, delta, restore, prune]
  run: {description: The run context., type: dict, required: true}
  phase: {description: The phase that the step belongs to; by default the action's own., type: str}
  store:
    description:
      - The store. O(store.keep) is how many backups and generations stay, O(store.backup_deadline)
        bounds in seconds the copy of the live data.
    type: dict
    required: true
  release: {description: The release; version and expected_changes are read., type: dict}
  database: {description: The copy that C(compare) proves; by default the drilled one., type: path}
  directory:
    description:
      - The backup that C(verify) proves; by default this run's.
      - For C(stage), the backup that the new generation is made from, instead of the live data.
    type: path
  admitted:
    description:
      - Users may have written on the new release, so that going back may lose what they wrote.
      - By default true once this run began to start the services.
    type: bool
  accept_data_loss: {description: The exact number of paths given up., type: int}
  keep_daily: {description: How many daily backups C(prune) keeps., type: int, default: 30}
"""

EXAMPLES = r"""
- name: Back up the files and prove the copy
  store_files:
    action: backup
    run: "{{ stagegate_run }}"
    store:
      name: library
      kind: files
      path: /var/lib/taskerino/current/library
      owner: taskerino
"""

RETURN = r"""
evidence: {description: What the report shows., type: dict, returned: always}
state: {description: What later steps and a rollback need., type: dict, returned: when it changed}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.stagegate.files_store.task import Task
from ansible.module_utils.stagegate.glue import RUN_OPTIONS, run_module
from ansible.module_utils.stagegate.plain.driver import NAMES, run_task


def argument_spec() -> dict[str, Any]:
    """The module's parameters."""
    return {
        "action": {"type": "str", "required": True, "choices": list(NAMES)},
        "run": RUN_OPTIONS,
        "phase": {"type": "str"},
        "store": {"type": "dict", "required": True},
        "release": {"type": "dict"},
        "database": {"type": "path"},
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
