#!/usr/bin/python
"""Migrations that are programs of a release, on a copy of the data."""

from __future__ import annotations

DOCUMENTATION = r"""
module: migrate_command
short_description: Run a release's own programs on a copy of the data
description:
  - C(probe) compares what was applied to the live data with what the release brings.
  - C(apply) runs what is pending on one copy, as the service user, with a deadline.
options:
  action: {description: What to do., type: str, required: true, choices: [probe, apply]}
  run: {description: The run context., type: dict, required: true}
  phase: {description: The phase that the step belongs to., type: str, default: migrate}
  store: {description: The store., type: dict, required: true}
  files: {description: The files of the release., type: list, elements: str}
  digests:
    description: The SHA-256 of the release's migrations by their paths, as far as it is known.
    type: dict
    default: {}
  database: {description: The copy to migrate., type: path}
  release_path: {description: The staged release., type: path}
  python: {description: The interpreter that runs migrations called C(.py)., type: path}
  deadline: {description: Seconds after which a migration is killed., type: float, default: 3600}
"""

EXAMPLES = r"""
- name: Migrate the new generation
  migrate_command:
    action: apply
    run: "{{ stagegate_run }}"
    store: "{{ store }}"
    database: /var/lib/toon/generations/gen-20261122T073000Z-ab12/entries.jsonl
    release_path: /srv/toon/releases/0.2.0
    python: /usr/bin/python3
"""

RETURN = r"""
applied: {description: Names of the migrations that the data have., type: list, returned: probe}
pending: {description: Names of those that they lack., type: list, returned: probe}
newer: {description: Names of those that the release does not know., type: list, returned: probe}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.stagegate.glue import RUN_OPTIONS, run_module
from ansible.module_utils.stagegate.journal import Run, open_journal
from ansible.module_utils.stagegate.migrate.command import account
from ansible.module_utils.stagegate.migrate.command_apply import apply


def argument_spec() -> dict[str, Any]:
    """The module's parameters."""
    return {
        "action": {"type": "str", "required": True, "choices": ["probe", "apply"]},
        "run": RUN_OPTIONS,
        "phase": {"type": "str", "default": "migrate"},
        "store": {"type": "dict", "required": True},
        "files": {"type": "list", "elements": "str"},
        "digests": {"type": "dict", "default": {}},
        "database": {"type": "path"},
        "release_path": {"type": "path"},
        "python": {"type": "path"},
        "deadline": {"type": "float", "default": 3600.0},
    }


def act(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Compare, or apply."""
    store, run = params["store"], Run.from_params(params["run"])
    if params["action"] == "probe":
        found = account(store, params["files"], params["digests"], run.state)
        return {
            "applied": list(found.applied),
            "pending": list(found.pending),
            "newer": list(found.newer),
        }
    if not check_mode:
        with open_journal(run) as journal:
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
