#!/usr/bin/python
"""Files with secrets, each readable by one account."""

from __future__ import annotations

DOCUMENTATION = r"""
module: secret_files
short_description: Place files with secrets, and put back what was there
description:
  - One call acts on all secrets of a host. No content is in a result, a diff, a log or the ledger.
  - C(paths), C(owners) and C(contents) belong together by their order.
options:
  action:
    description:
      - C(probe) tells whether each file is missing, differs or is the same, and refuses a place
        that somebody else could exchange.
      - C(place) writes what is wrong, mode 0600, and keeps what was there; it removes what an
        earlier run placed and nobody names any more.
      - C(restore) puts back what this run found.
    type: str
    required: true
    choices: [probe, place, restore]
  run: {description: The run context., type: dict, required: true}
  paths: {description: Where each secret lies., type: list, elements: path, default: []}
  owners: {description: The account that may read each., type: list, elements: str, default: []}
  contents: {description: What each holds., type: list, elements: str, default: []}
"""

EXAMPLES = r"""
- name: Place the password of the database
  secret_files:
    action: place
    run: "{{ stagegate_run }}"
    paths: [/etc/sparkle/pgpass]
    owners: [sparkle]
    contents: ["{{ vault_pgpass }}"]
"""

RETURN = r"""
files: {description: "What each file is, or which were wrong.", type: raw, returned: always}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.stagegate import secret_files
from ansible.module_utils.stagegate.glue import RUN_OPTIONS, run_module


def argument_spec() -> dict[str, Any]:
    """The module's parameters."""
    return {
        "action": {"type": "str", "required": True, "choices": list(secret_files.ACTIONS)},
        "run": RUN_OPTIONS,
        "paths": {"type": "list", "elements": "path", "default": []},
        "owners": {"type": "list", "elements": "str", "default": []},
        "contents": {"type": "list", "elements": "str", "default": [], "no_log": True},
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    run_module(module, secret_files.act)


if __name__ == "__main__":
    main()
