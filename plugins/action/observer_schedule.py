"""Have somebody on this machine go on with a deployment's windows when its command has ended."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from ansible import context
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.action import ActionBase
from ansible.utils.vars import load_extra_vars

from stagegate.errors import StagegateError
from stagegate.observer import under_supervisord, under_systemd
from stagegate.observer.orders import GIVEN, Orders, write_orders

DOCUMENTATION = r"""
module: observer_schedule
short_description: Have somebody go on with a deployment's windows when its command has ended
description:
  - Runs on the controller and touches no host.
  - The observer asks C(playbooks/watch.yml) whenever a look is due, with the inventory and the
    variables of this command, until every window is judged.
  - As root on a machine that systemd started it is a timer, which a reboot does not end; elsewhere
    it lives under a supervisord of its own.
options:
  system: {description: The system that is watched., type: str}
  run: {description: The run whose windows they are., type: str}
  place: {description: The observer's own directory., type: path, required: true}
  pace: {description: Seconds until a pass that failed is tried again., type: float}
  lasting: {description: Seconds until the last window is over., type: float}
  state: {description: Whether anybody watches., choices: [present, absent], default: present}
"""

PROJECT = Path(__file__).resolve().parents[2]
PLAYBOOK = "playbooks/watch.yml"
GRACE = 86400.0
"""Seconds after the last window in which hosts that did not answer are still asked."""

ONCE = (
    "release_version",
    "resume",
    "accept_data_loss",
    "rollback_on_request",
    "signed",
    "sign_offs_file",
)
"""Variables that were meant for this one command."""

KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "USER", "LOGNAME", "SSH_AUTH_SOCK", "VIRTUAL_ENV")


class ActionModule(ActionBase):
    """See DOCUMENTATION."""

    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Write the orders and start the observer."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        if self._task.check_mode:
            return {**result, "changed": False}
        told = dict(self._task.args)
        place = Path(str(told["place"])).resolve()
        on_systemd = under_systemd.is_running() and os.geteuid() == 0
        manager = under_systemd if on_systemd else under_supervisord
        try:
            if told.get("state") == "absent":
                manager.end(place)
                return {**result, "changed": False}
            orders = orders_of(told, place)
            write_orders(orders, given())
            manager.begin(orders)
        except StagegateError as error:
            return {**result, "failed": True, **error.as_result()}
        return {**result, "changed": False, "log": str(orders.log)}


def orders_of(told: dict[str, Any], place: Path) -> Orders:
    """What the observer is told."""
    return Orders(
        system=str(told["system"]),
        run=str(told["run"]),
        project=PROJECT,
        place=place,
        command=command(place / GIVEN),
        environment=environment(),
        pace=float(told["pace"]),
        until=time.time() + float(told["lasting"]) + GRACE,
    )


def command(variables: Path) -> tuple[str, ...]:
    """The playbook that looks, with the words of this command that say which hosts and how."""
    words = [str(Path(sys.executable).with_name("ansible-playbook")), PLAYBOOK]
    for option, key in (("-i", "inventory"), ("--vault-id", "vault_ids")):
        for value in context.CLIARGS.get(key) or ():
            words += [option, absolute(str(value))]
    for option, key in (
        ("--vault-password-file", "vault_password_files"),
        ("--private-key", "private_key_file"),
        ("--user", "remote_user"),
        ("--limit", "subset"),
    ):
        value = context.CLIARGS.get(key)
        for one in value if isinstance(value, (list, tuple)) else [value] if value else []:
            words += [option, str(one)]
    return (*words, "-e", f"@{variables}")


def absolute(source: str) -> str:
    """An inventory as it is found from anywhere; a list of hosts stays what it is."""
    return str(Path(source).absolute()) if Path(source).exists() else source


def given() -> dict[str, Any]:
    """The variables of this command's -e, without those that were meant for it alone."""
    values = json.loads(json.dumps(load_extra_vars(DataLoader())))
    return {name: value for name, value in values.items() if name not in ONCE}


def environment() -> dict[str, str]:
    """What a playbook needs of the environment: where it looks, and how Ansible was set up."""
    mine = {k: v for k, v in os.environ.items() if k in KEPT or k.startswith("ANSIBLE_")}
    return {"ANSIBLE_CONFIG": str(PROJECT / "ansible.cfg"), **mine}
