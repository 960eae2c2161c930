"""Free the room that a run set aside on a host, before a module has to be unpacked there."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase

from stagegate.reserve import NAME

DOCUMENTATION = r"""
module: reserve_free
short_description: Free the room that a run set aside on a host
description:
  - Removes one file without a module, for on a full disk no module could be unpacked. Python gets
    its one line as a module does, so that the right to start modules is right enough.
  - It fails for no reason but a lost host. Whether the room is free is seen by C(run_ledger), which
    frees it too when it takes a change back into hand.
options:
  state: {description: Where the host keeps the system's state., type: path, required: true}
"""

EXAMPLES = r"""
- name: Give back the room that the run set aside
  reserve_free:
    state: /var/lib/stagegate/abathur
"""

RETURN = r""" # """

FREE = """
import contextlib, os
with contextlib.suppress(OSError):
    os.unlink({place!r})
"""


class ActionModule(ActionBase):
    """See DOCUMENTATION."""

    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Remove the file, unless nothing may be changed."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        if not self._task.check_mode:
            place = f"{self._task.args['state']}/{NAME}"
            python = self.interpreter(task_vars or {})
            try:
                self._low_level_execute_command(python, in_data=FREE.format(place=place).encode())
            except AnsibleConnectionFailure:
                raise
            except AnsibleError as error:
                result["msg"] = str(error)  # the first module after this one tells it in full
        return {**result, "changed": False}

    def interpreter(self, variables: dict[str, Any]) -> str:
        """The Python of the host, as modules are started by it."""
        told = self._templar.template(variables.get("ansible_python_interpreter") or "auto")
        if str(told).startswith("auto"):
            facts = variables.get("ansible_facts") or {}
            told = facts.get("discovered_interpreter_python", "/usr/bin/python3")
        return str(told)
