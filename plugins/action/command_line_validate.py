"""Refuse a command line that would run something here, before any of its values is rendered."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import ansible
from ansible import constants as C  # noqa: N812  # the name that Ansible gives it everywhere
from ansible import context
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.action import ActionBase
from ansible.template import is_trusted_as_template
from ansible.utils.vars import load_extra_vars

from stagegate.entry import LOOKUP_HINT, core_problem, program_lookups, read_vault_problems
from stagegate.validate import Problem, check_text, refused, shown

DOCUMENTATION = r"""
module: command_line_validate
short_description: Refuse variables that would run something on the controller
description:
  - Runs on the controller, touches no host, and takes no parameters, so that nothing is rendered
    before it has looked.
  - Refuses template markers and control characters in what C(--extra-vars) means, however they are
    written there, and the project's own internal names.
  - Refuses a lookup that runs a program, wherever a variable holds one.
  - Refuses, for a system with secrets, the settings under which Ansible tells them all the same.
  - Refuses an ansible-core with known holes, and a vault password that others can read.
"""

INTERNAL = re.compile(r"stagegate_\w*|_.*")
PUBLIC = Path(__file__).resolve().parents[2] / "inventories/sparkle/vault-password"
"""The password of the lab's own secrets, which stands in this project for everybody to read."""

TALKS = {
    "DEFAULT_DEBUG": ("ANSIBLE_DEBUG", "prints the parameters of every module"),
    "DEFAULT_KEEP_REMOTE_FILES": (
        "ANSIBLE_KEEP_REMOTE_FILES",
        "leaves the parameters of every module in a file on the host",
    ),
}

MAGIC = ("hostvars", "vars", "groups")
"""Names under which Ansible repeats what stands under names of its own."""


class ActionModule(ActionBase):
    """See DOCUMENTATION."""

    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Refuse, or say nothing."""
        result = super().run(tmp, task_vars)
        variables = task_vars or {}
        problems = (
            core_problem(ansible.__version__)
            or extra_variable_problems(load_extra_vars(DataLoader()))
            or talk_problems(C.config.get_config_value, bool(variables.get("secrets")))
            or lookup_problems(variables, is_trusted_as_template)
            or read_vault_problems(vault_files(), [PUBLIC])
        )
        now = "nothing was rendered and nothing was changed"
        return {**result, **(refused(problems, now) if problems else {})}


def extra_variable_problems(given: Mapping[str, Any]) -> list[Problem]:
    """What the command line must not say.

    And what Ansible cut off there: it reads a value up to its first space, unless it is quoted.
    """
    problems = []
    for name, value in given.items():
        path = f"--extra-vars {shown(name)[1:-1]}"
        if name == "_raw_params":
            hint = 'a value with a space: -e "name=\'one two\'", or -e \'{"name": "one two"}\''
            text = shown(value)
            problems.append(Problem("--extra-vars", f"{text} belongs to no variable", hint))
        elif INTERNAL.fullmatch(name):
            problems.append(Problem(path, "is a name of the project's own, not to be given"))
        else:
            problems += check_text(value, path)[:1]
    return problems


def talk_problems(setting: Callable[[str], object], has_secrets: bool) -> list[Problem]:
    """Settings of Ansible under which it tells what a task with ``no_log`` was given."""
    return [
        Problem(name, f"{what}; this system has secrets", "unset it, and run the command again")
        for key, (name, what) in TALKS.items()
        if has_secrets and setting(key)
    ]


def lookup_problems(variables: Mapping[str, Any], renders: Callable[[str], bool]) -> list[Problem]:
    """Lookups in any variable that would run a program on this machine when it is rendered."""
    return [
        Problem(path, f"runs a program by a lookup: {shown(text)}", LOOKUP_HINT)
        for name, value in variables.items()
        if name not in MAGIC
        for path, text in program_lookups(value, name, renders)
    ]


def vault_files() -> list[str]:
    """The files with vault passwords that this run was told, by command line or configuration."""
    given = [*(context.CLIARGS.get("vault_password_files") or ())]
    given += [str(vault).rpartition("@")[2] for vault in context.CLIARGS.get("vault_ids") or ()]
    given += [str(vault).rpartition("@")[2] for vault in C.DEFAULT_VAULT_IDENTITY_LIST or ()]
    return [*dict.fromkeys([*given, *filter(None, [C.DEFAULT_VAULT_PASSWORD_FILE])])]
