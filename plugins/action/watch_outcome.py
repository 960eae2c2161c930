"""Tell an observer when the next look is due, and a person what was seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from stagegate.files import write_json
from stagegate.observer.orders import RESULT

DOCUMENTATION = r"""
module: watch_outcome
short_description: Tell an observer when the next look is due
description:
  - Runs on the controller and touches no host. Takes what the hosts said of their windows, and
    leaves the earliest of their next moments in the observer's directory, where there is one.
options:
  looks: {description: What C(metric_gate) said of looking - by host., type: dict, required: true}
  silent: {description: Hosts that did not answer., type: list, default: []}
  place: {description: The observer's own directory., type: path, required: true}
"""

RETRY = 60.0
"""Seconds after which a host that did not answer is asked again."""


class ActionModule(ActionBase):
    """See DOCUMENTATION."""

    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Leave the next moment."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        told = self._task.args
        moments = [look["next"] for look in told["looks"].values() if look["next"] is not None]
        if told.get("silent"):
            moments.append(RETRY)
        left = {"next": min(moments) if moments else None}
        place = Path(str(told["place"]))
        if place.is_dir() and not self._task.check_mode:
            write_json(place / RESULT, left)
        judged = {host: look["judged"] for host, look in told["looks"].items() if look["judged"]}
        return {**result, "changed": False, **left, "judged": judged}
