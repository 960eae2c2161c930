"""sudo, where a host that refuses it counts as lost: it is named, the others go on without it."""

from __future__ import annotations

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.become.sudo import BecomeModule as Sudo

DOCUMENTATION = r"""
name: stagegate_sudo
short_description: sudo, where a host that refuses it counts as lost
description:
  - Does what C(sudo) does. A refusal makes the host unreachable instead of failing the task,
    because no step can be taken there, the way back included. So a right that is lost in the middle
    of a run ends it as a lost host does, with the other hosts put back and this one named.
options:
  become_user:
    description: Whose rights a task has.
    default: root
    ini: [{section: privilege_escalation, key: become_user}]
    vars: [{name: ansible_become_user}]
    env: [{name: ANSIBLE_BECOME_USER}]
    keyword: [{name: become_user}]
  become_exe:
    description: The program.
    default: sudo
    ini: [{section: privilege_escalation, key: become_exe}]
    vars: [{name: ansible_become_exe}]
    env: [{name: ANSIBLE_BECOME_EXE}]
    keyword: [{name: become_exe}]
  become_flags:
    description: Its flags.
    default: -H -S -n
    ini: [{section: privilege_escalation, key: become_flags}]
    vars: [{name: ansible_become_flags}]
    env: [{name: ANSIBLE_BECOME_FLAGS}]
    keyword: [{name: become_flags}]
  become_pass:
    description: The account's password, where it has one.
    vars: [{name: ansible_become_password}, {name: ansible_become_pass}]
    env: [{name: ANSIBLE_BECOME_PASS}]
  sudo_chdir:
    description: The directory to be in.
    type: string
    vars: [{name: ansible_sudo_chdir}]
    env: [{name: ANSIBLE_SUDO_CHDIR}]
"""

REFUSALS = (
    b"sudo: a password is required",
    b"is not allowed to execute",
    b"is not allowed to run sudo",
    b"is not in the sudoers file",
    b"sudo: command not found",
    b"sudo: not found",
)


class BecomeModule(Sudo):
    """See DOCUMENTATION."""

    def check_missing_password(self, b_output: bytes) -> bool:
        """Raise AnsibleConnectionFailure when sudo refuses."""
        if any(words in b_output for words in REFUSALS):
            said = b_output.decode("utf-8", "replace").strip()
            raise AnsibleConnectionFailure(f"sudo refuses to start a module: {said}")
        return bool(super().check_missing_password(b_output))
