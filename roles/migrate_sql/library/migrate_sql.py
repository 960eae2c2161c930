#!/usr/bin/python
"""Plain SQL migrations of a release, on a copy of the data."""

from __future__ import annotations

DOCUMENTATION = r"""
module: migrate_sql
short_description: Apply a release's plain SQL migrations to a copy of the data
description:
  - C(probe) compares what the live database has with what the release brings, and changes nothing.
  - C(apply) applies what is pending to one copy, as the service user, with a deadline.
options:
  action: {description: What to do., type: str, required: true, choices: [probe, apply]}
  run: {description: The run context., type: dict, required: true}
  phase: {description: The phase that the step belongs to., type: str, default: migrate}
  store: {description: The store., type: dict, required: true}
  files: {description: The files of the release., type: list, elements: str}
  database: {description: The copy to migrate., type: path}
  release_path: {description: The staged release., type: path}
  python: {description: The interpreter that runs the release., type: path}
  deadline: {description: Seconds after which the migration is killed., type: float, default: 3600}
"""

EXAMPLES = r"""
- name: Migrate the new generation
  migrate_sql:
    action: apply
    run: "{{ stagegate_run }}"
    store: "{{ store }}"
    database: /var/lib/abathur/generations/gen-20261122T073000Z-ab12/abathur.db
    release_path: /srv/abathur/releases/1.1
    python: /usr/bin/python3
"""

RETURN = r"""
applied: {description: Names of the migrations that the database has., type: list, returned: probe}
pending: {description: Names of those that it lacks., type: list, returned: probe}
newer: {description: Names of those that the release does not know., type: list, returned: probe}
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.stagegate.glue import RUN_OPTIONS, run_module
from ansible.module_utils.stagegate.journal import Run, open_journal
from ansible.module_utils.stagegate.migrate.sql import account, apply


def argument_spec() -> dict[str, Any]:
    """The module's parameters."""
    return {
        "action": {"type": "str", "required": True, "choices": ["probe", "apply"]},
        "run": RUN_OPTIONS,
        "phase": {"type": "str", "default": "migrate"},
        "store": {"type": "dict", "required": True},
        "files": {"type": "list", "elements": "str"},
        "database": {"type": "path"},
        "release_path": {"type": "path"},
        "python": {"type": "path"},
        "deadline": {"type": "float", "default": 3600.0},
    }


def act(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Compare, or apply."""
    store = params["store"]
    if params["action"] == "probe":
        found = account(Path(store["path"]), params["files"], store["migrations"]["directory"])
        return {
            "applied": list(found.applied),
            "pending": list(found.pending),
            "newer": list(found.newer),
        }
    if not check_mode:
        with open_journal(Run.from_params(params["run"])) as journal:
            apply(journal, params["phase"], store, params)
    return {"changed": True}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=argument_spec(),
        supports_check_mode=True,
        required_if=[
            ("action", "probe", ["files"]),
            ("action", "apply", ["database", "release_path", "python"]),
        ],
    )
    run_module(module, act)


if __name__ == "__main__":
    main()
