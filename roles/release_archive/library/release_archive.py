#!/usr/bin/python
"""Releases that come as one self-contained archive."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_archive
short_description: Inspect, stage, activate, restore and prune releases from archives
description:
  - C(inspect) proves an archive on the machine that it is read on, and writes nothing.
  - C(probe) verifies the live release and the room for another, and writes no ledger line.
  - C(stage) unpacks into the release's own directory, whole or not at all.
  - C(activate) switches the live link under the start guard; C(restore) puts back what the link
    held before this run.
  - C(prune) removes releases that no rollback can need.
options:
  action:
    description: What to do.
    type: str
    required: true
    choices: [inspect, probe, stage, activate, restore, prune]
  run: {description: The run context., type: dict, required: true}
  phase: {description: The phase that C(prune) belongs to., type: str, default: report}
  release:
    description: The pinned release (version, digest, migration_class).
    type: dict
    required: true
  release_root: {description: Where the host keeps its releases., type: path, required: true}
  archive: {description: The archive on this machine., type: path}
  service_user: {description: Who must not own the releases., type: str}
  migrations: {description: The folder of its migrations., type: str, default: migrations}
  texts:
    description: Patterns of paths (C(migrations/versions/*.py)) whose texts C(inspect) returns.
    type: list
    elements: str
  need_bytes: {description: Room that C(probe) asks for., type: int, default: 0}
  need_files: {description: Inodes that C(probe) asks for., type: int, default: 0}
"""

EXAMPLES = r"""
- name: Put the release into its own directory
  release_archive:
    action: stage
    run: "{{ stagegate_run }}"
    release: {version: "1.1", digest: "sha256:9f86d0...", migration_class: compatible}
    release_root: /srv/abathur
    archive: /var/lib/stagegate/abathur/artifacts/9f86d0....tar
"""

RETURN = r"""
migrations: {description: SHA-256 of each migration of the release., type: dict, returned: inspect}
paths: {description: All files of the release., type: list, returned: inspect}
texts: {description: "The texts that were asked for, by path.", type: dict, returned: inspect}
files: {description: Number of its files., type: int, returned: inspect}
bytes: {description: Their size., type: int, returned: inspect}
live: {description: The live release, or the word absent., type: raw, returned: probe}
partial: {description: What a killed run left half-way., type: list, returned: probe}
space: {description: Free bytes and inodes., type: dict, returned: probe}
release_path: {description: The staged release., type: str, returned: stage}
state: {description: The link, and what it held before., type: dict, returned: activate}
removed: {description: Versions that were removed., type: list, returned: prune}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.stagegate.glue import RUN_OPTIONS, run_module
from ansible.module_utils.stagegate.release.activate import activate, restore
from ansible.module_utils.stagegate.release.probe import inspect, probe
from ansible.module_utils.stagegate.release.prune import prune
from ansible.module_utils.stagegate.release.request import read_request
from ansible.module_utils.stagegate.release.stage import stage

CHANGING = {"stage": stage, "activate": activate, "restore": restore, "prune": prune}


def argument_spec() -> dict[str, Any]:
    """The module's parameters."""
    return {
        "action": {"type": "str", "required": True, "choices": ["inspect", "probe", *CHANGING]},
        "run": RUN_OPTIONS,
        "phase": {"type": "str", "default": "report"},
        "release": {"type": "dict", "required": True},
        "release_root": {"type": "path", "required": True},
        "archive": {"type": "path"},
        "service_user": {"type": "str"},
        "migrations": {"type": "str", "default": "migrations"},
        "texts": {"type": "list", "elements": "str"},
        "need_bytes": {"type": "int", "default": 0},
        "need_files": {"type": "int", "default": 0},
    }


def act(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Do one action."""
    request = read_request(params)
    if params["action"] == "inspect":
        return inspect(request)
    if params["action"] == "probe":
        return probe(request, check_mode)
    return CHANGING[params["action"]](request, check_mode)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=argument_spec(),
        supports_check_mode=True,
        required_if=[("action", "inspect", ["archive"]), ("action", "stage", ["archive"])],
    )
    run_module(module, act)


if __name__ == "__main__":
    main()
