#!/usr/bin/python
"""A release's alembic migrations, on a copy of a PostgreSQL database or on the live one."""

from __future__ import annotations

DOCUMENTATION = r"""
module: migrate_alembic
short_description: Apply a release's alembic migrations, and lead them down again where declared
description:
  - C(probe) compares the live database with the release's chain of revisions, and changes nothing.
  - C(apply) brings one database to the release's last revision, as the owner of the data, with a
    deadline and a bound on every wait; for the class C(reversible) it proves the way down on the
    rehearsed copy.
  - C(revert) leads the live database down to the revision that this run recorded.
options:
  action:
    description: What to do.
    type: str
    required: true
    choices: [probe, apply, revert]
  run: {description: The run context with its plan., type: dict, required: true}
  phase: {description: The phase that the step belongs to., type: str, default: migrate}
  store: {description: The store., type: dict, required: true}
  files: {description: The files of the release., type: list, elements: str}
  texts: {description: The texts of its revisions by path., type: dict}
  version: {description: The version of the release., type: str}
  live_version: {description: The release that is live; empty for none., type: str, default: ""}
  database: {description: The URL of the database to migrate., type: str}
  release_path: {description: The staged release., type: path}
  python: {description: The interpreter that runs the release., type: path}
  deadline: {description: Seconds after which the migration is killed., type: float, default: 3600}
  migration_class:
    description: What the release declares of its migration.
    type: str
    default: compatible
    choices: [compatible, reversible, one_way]
"""

EXAMPLES = r"""
- name: Migrate the live database
  migrate_alembic:
    action: apply
    run: "{{ stagegate_run }}"
    store: "{{ store }}"
    database: postgresql:///sparkle?host=/var/run/postgresql&port=5432
    release_path: /srv/sparkle/releases/1.1
    python: /usr/bin/python3
"""

RETURN = r"""
applied: {description: Revisions that the database has., type: list, returned: probe}
pending: {description: Revisions that it lacks., type: list, returned: probe}
newer: {description: A revision that the release does not know., type: list, returned: probe}
head: {description: The last revision of the release., type: str, returned: probe}
revision: {description: The revision that the database names., type: str, returned: probe}
objects: {description: How many objects it has., type: int, returned: probe}
state: {description: What the ledger keeps., type: dict, returned: apply and revert}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.stagegate.glue import RUN_OPTIONS, run_module
from ansible.module_utils.stagegate.migrate.alembic import act


def argument_spec() -> dict[str, Any]:
    """The module's parameters."""
    classes = ["compatible", "reversible", "one_way"]
    return {
        "action": {"type": "str", "required": True, "choices": ["probe", "apply", "revert"]},
        "run": RUN_OPTIONS,
        "phase": {"type": "str", "default": "migrate"},
        "store": {"type": "dict", "required": True},
        "files": {"type": "list", "elements": "str"},
        "texts": {"type": "dict"},
        "version": {"type": "str"},
        "live_version": {"type": "str", "default": ""},
        "database": {"type": "str"},
        "release_path": {"type": "path"},
        "python": {"type": "path"},
        "deadline": {"type": "float", "default": 3600.0},
        "migration_class": {"type": "str", "default": "compatible", "choices": classes},
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=argument_spec(),
        supports_check_mode=True,
        required_if=[
            ("action", "probe", ["files", "texts", "version"]),
            ("action", "apply", ["database", "release_path", "python"]),
            ("action", "revert", ["database", "python"]),
        ],
    )
    run_module(module, act)


if __name__ == "__main__":
    main()
