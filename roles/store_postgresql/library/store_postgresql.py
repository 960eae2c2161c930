#!/usr/bin/python
"""One PostgreSQL database of a system: proved backups, judged migrations, and the way back."""

from __future__ import annotations

DOCUMENTATION = r"""
module: store_postgresql
short_description: Back up, freeze, judge, switch and restore one PostgreSQL database
description:
  - The class of the run's migration decides whether it changes the live database under its users,
    the live database closed to them, or a copy of it.
  - Sessions go over the server's local socket, as the store's admin account; no password exists.
  - Every action but C(probe) and C(verify) is a step in the host's ledger.
requirements: [psycopg 3 (Debian python3-psycopg), pg_dump and pg_restore of the server's version]
options:
  action:
    description:
      - C(probe) tells the facts of the store, and refuses what a deployment must not meet.
      - C(backup) dumps one instant of the live database, restores the dump and compares it.
      - C(verify) proves a backup again, every byte of it, and by another restore.
      - C(compare) proves a migrated copy against this run's backup, row by row where they differ.
      - C(stage) writes down what is there; freezes it and copies it where the class asks for that.
      - C(seal) judges what the migration made.
      - C(activate) opens it to its users, as the live database.
      - C(forensic) keeps a dump of the present data as evidence.
      - C(delta) counts and exports the rows written since the activation.
      - C(restore) puts back what this run found, or proves that nothing half made is left.
      - C(prune) removes backups and databases that nobody can need any more.
    type: str
    required: true
    choices:
      [probe, verify, backup, compare, stage, seal, activate, forensic, delta, restore, prune]
  run: {description: The run context., type: dict, required: true}
  phase: {description: The phase that the step belongs to; by default the action's own., type: str}
  store:
    description:
      - The store. O(store.keep) is how many backups and kept databases stay,
        O(store.backup_deadline) bounds in seconds each part that grows with the data.
    type: dict
    required: true
  release:
    description: The release; version, migration_class and expected_changes are read.
    type: dict
  database:
    description: The copy that C(compare) proves, by URL or name; by default the drilled one.
    type: str
  directory: {description: The backup that C(verify) proves; by default this run's., type: path}
  admitted:
    description:
      - Users may have written on the new release, so that going back may lose their rows.
      - By default true once this run began to activate its data.
    type: bool
  accept_data_loss: {description: The exact number of rows given up., type: int}
  keep_daily: {description: How many daily backups C(prune) keeps., type: int, default: 30}
"""

EXAMPLES = r"""
- name: Back up the database and prove the copy
  store_postgresql:
    action: backup
    run: "{{ stagegate_run }}"
    store:
      name: history
      kind: postgresql
      database: sparkle
      owner: sparkle
"""

RETURN = r"""
evidence: {description: What the report shows., type: dict, returned: always}
state: {description: What later steps and a rollback need., type: dict, returned: when it changed}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.stagegate.glue import RUN_OPTIONS, run_module
from ansible.module_utils.stagegate.postgresql.driver import NAMES, run_task
from ansible.module_utils.stagegate.postgresql.task import Task


def argument_spec() -> dict[str, Any]:
    """The module's parameters."""
    return {
        "action": {"type": "str", "required": True, "choices": list(NAMES)},
        "run": RUN_OPTIONS,
        "phase": {"type": "str"},
        "store": {"type": "dict", "required": True},
        "release": {"type": "dict"},
        "database": {"type": "str"},
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
