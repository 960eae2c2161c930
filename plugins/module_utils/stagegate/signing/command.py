"""The command that leads a person to signing."""

from __future__ import annotations

import shlex

from ..record.text import visible


def sign_command(role: str, inventory: str, version: str = "", run: str = "") -> str:
    """The command by which a person gives a word: on a plan, or on a run.

    The inner quotes are Ansible's: without them it would read a role only up to its first space.
    """
    about = f"run={run}" if run else f"release_version={version}"
    named = f"sign_as='{role}'" if " " in role else f"sign_as={role}"
    return (
        f"ansible-playbook playbooks/sign.yml -i {shlex.quote(visible(inventory, 200))} "
        f'-e {shlex.quote(visible(about, 100))} -e "{visible(named, 100)}"'
    )
