"""Write down each module call and each beginning of a phase, as they really happen."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.plugins.callback import CallbackBase

from stagegate.plan import PHASES
from stagegate.record.console import phase_of

DOCUMENTATION = r"""
name: module_calls
type: notification
short_description: each module call of a playbook, as a line of JSON
description:
  - One line for each module that is sent to a host, also those that an action sends by itself; an
    action that stays on the controller sends none. One line when the play enters another phase.
options:
  path:
    description: The file to append to.
    type: path
    required: true
    env: [{name: STAGEGATE_BENCH_CALLS}]
requirements:
  - enabled in ANSIBLE_CALLBACKS_ENABLED
"""

OTHER = "outside phases"
"""What belongs to no phase: asking the ledger which run it is, at the beginning of each play."""


class CallbackModule(CallbackBase):
    """See DOCUMENTATION."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "module_calls"
    CALLBACK_NEEDS_ENABLED = True

    def set_options(self, *arguments: Any, **keywords: Any) -> None:
        """Begin to write, before any worker is forked: the workers run what is set here."""
        super().set_options(*arguments, **keywords)
        self._place = Path(self.get_option("path"))
        self._phase = ""
        watch_modules(self._place)

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        """A task may begin another phase."""
        phase = phase_around(task)
        if phase != self._phase:
            self._phase = phase
            append(self._place, {"phase": phase, "began": time.time()})

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """The last phase is over."""
        append(self._place, {"phase": "", "began": time.time()})


def watch_modules(place: Path) -> None:
    """Let every module that an action sends to a host be written down first."""
    send = ActionBase._execute_module

    def watched(self: Any, *arguments: Any, **keywords: Any) -> Any:
        variables = keywords.get("task_vars") or {}
        call = {
            "phase": phase_around(self._task),
            "module": keywords.get("module_name") or self._task.action,
            "task": self._task.get_name(),
            "host": variables.get("inventory_hostname", ""),
        }
        append(place, call)
        return send(self, *arguments, **keywords)

    ActionBase._execute_module = watched


def append(place: Path, line: dict[str, Any]) -> None:
    """Add one line in one write, so that the lines of several workers do not mix."""
    with place.open("ab", buffering=0) as file:
        file.write(json.dumps(line).encode() + b"\n")


def phase_around(task: Any) -> str:
    """The phase of the roles around a task, else of a tag that is a phase's name."""
    names, parent = [], task
    while parent is not None:
        role = getattr(parent, "_role", None)
        if role is not None:
            names.append(role.get_name(include_role_fqcn=False))
        parent = getattr(parent, "_parent", None)
    return phase_of(names) or next((p for p in PHASES if p in task.tags), OTHER)
