"""The few lines that every module shares: call the act, and turn one exception into one failure."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from typing import Any

from .errors import StagegateError

Act = Callable[[dict[str, Any], bool], dict[str, Any]]

UMASK = 0o022
"""What others may do with what a module makes, unless it says so: services read their releases."""

RUN_OPTIONS: dict[str, Any] = {
    "type": "dict",
    "required": True,
    "options": {
        "id": {"type": "str", "required": True},
        "epoch": {"type": "int", "required": True},
        "system": {"type": "str", "required": True},
        "host": {"type": "str", "required": True},
        "state": {"type": "path", "required": True},
        "exclusive": {"type": "bool", "default": True},
        "plan": {"type": "dict"},
    },
}
"""The module parameter ``run``, the same in every module that writes steps."""


def run_without_dumps() -> None:
    """Let no crash of this process, or of what it starts, put its memory on a disk."""
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))


def run_module(module: Any, act: Act) -> None:
    """Run ``act(params, check_mode)`` and end the module with its result.

    A StagegateError becomes ``fail_json`` here and nowhere else. Anything else is a bug, and
    Ansible reports it as one. Modes are the module's own, whatever session it came by: a hardened
    account's umask would shut the services out of what they must read.
    """
    os.umask(UMASK)
    run_without_dumps()
    try:
        result = act(module.params, bool(module.check_mode))
    except StagegateError as error:
        module.fail_json(**error.as_result())
    else:
        module.exit_json(**{"changed": False, **result})
