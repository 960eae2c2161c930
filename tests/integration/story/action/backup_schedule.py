"""No timer is left on the machine that plays the hosts."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    """Stands before the module of the same name."""

    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Do nothing."""
        return {**super().run(tmp, task_vars), "changed": False}
