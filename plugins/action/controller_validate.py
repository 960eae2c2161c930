"""Refuse a controller on which a run could not be carried out or told."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible import constants as C  # noqa: N812  # the name that Ansible gives it everywhere
from ansible.plugins.action import ActionBase

from stagegate.validate import Problem, refused

DOCUMENTATION = r"""
module: controller_validate
short_description: Refuse a controller without room for a run
description:
  - Runs on the controller and touches no host.
  - Refuses when 32 MiB cannot be taken, and given back, in a folder that the run will write to, and
    in the one where Ansible packs its modules. Whether it is full, read-only or somebody else's
    would otherwise be seen in the middle of the run.
options:
  places: {description: The folders by the variables that name them., type: dict, required: true}
"""

EXAMPLES = r"""
- name: Refuse a controller that could not write the account of the run
  controller_validate:
    places: {report_artifacts: artifacts}
  run_once: true
"""

RETURN = r""" # """

ROOM = 32 << 20
"""Bytes. Measured: the account of a run takes 0.4 MB a host, its modules 4 MB."""


class ActionModule(ActionBase):
    """See DOCUMENTATION."""

    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Refuse, or say nothing."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        problems = room_problems({**self._task.args["places"], "local_tmp": C.DEFAULT_LOCAL_TMP})
        return {**result, **(refused(problems, "nothing was changed") if problems else {})}


def room_problems(places: Mapping[str, str], room: int = ROOM) -> list[Problem]:
    """The places, by the settings that name them, in which so many bytes cannot be had.

    Real blocks are taken, for free space says nothing of quotas and of rights.
    """
    problems = []
    for name, path in places.items():
        try:
            Path(path).mkdir(mode=0o700, parents=True, exist_ok=True)
            take_and_give_back(path, room)
        except OSError as error:
            problems.append(
                Problem(
                    name,
                    f"{room >> 20} MiB cannot be had in {path}: {error.strerror}",
                    "make room there, or name another folder",
                )
            )
    return problems


def take_and_give_back(folder: str, room: int) -> None:
    """Own so many bytes in a folder for a moment, without a name: a kill leaves nothing there."""
    with tempfile.TemporaryFile(dir=folder) as taken:
        os.posix_fallocate(taken.fileno(), 0, room)
