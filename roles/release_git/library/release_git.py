#!/usr/bin/python
"""Releases that come as a tag of a git repository."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_git
short_description: Export a pinned tag as a release archive
description:
  - Runs on the controller; no host talks to git.
  - Fails unless the tag still names the pinned commit and, with allowed signers, is signed.
  - The same commit gives the same archive, byte for byte.
options:
  release:
    description:
      - The pinned release (source, version, commit, migration_class, and optionally signers, a
        file of allowed SSH signers).
    type: dict
    required: true
  system: {description: The name that the archive carries., type: str, required: true}
  artifacts: {description: Where the controller keeps built archives., type: path, required: true}
"""

EXAMPLES = r"""
- name: Export the tag
  release_git:
    release:
      source: /srv/git/abathur.git
      version: "1.1"
      commit: 3f786850e387550fdab836ed7e6dc881de23001b
    system: abathur
    artifacts: artifacts/releases
"""

RETURN = r"""
release:
  description: The same release as one of kind archive, with source and digest.
  type: dict
  returned: always
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.stagegate.glue import run_module
from ansible.module_utils.stagegate.release.git import export, read_tag


def argument_spec() -> dict[str, Any]:
    """The module's parameters."""
    return {
        "release": {"type": "dict", "required": True},
        "system": {"type": "str", "required": True},
        "artifacts": {"type": "path", "required": True},
    }


def act(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Export; the archive is only an input of what follows, so check mode needs it as well."""
    tag = read_tag(params["release"])
    built = export(tag, params["system"], Path(params["artifacts"]))
    return {"release": {**params["release"], "kind": "archive", **built}}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    run_module(module, act)


if __name__ == "__main__":
    main()
