"""testinfra's commands through the one line that sudo allows the deploying user: `become://`.

A plugin of pytest (`-p stagegate_become`). testinfra's own `sudo /bin/sh -c COMMAND` would need a
rule that allows every command. Here the interpreter is started as Ansible starts it, and a program
on its standard input runs the command: as root, or with no more rights than the account that the
host names::

    --hosts=become://deploy@10.77.0.11?sudo_user=abathur
"""

from __future__ import annotations

import secrets
import shlex
import string
from typing import Any

import testinfra.backend
from testinfra.backend.base import CommandResult
from testinfra.backend.ssh import SshBackend

INTERPRETER = "/usr/bin/python3"
# The account's groups first and its id last: afterwards there is no way back to root.
PROGRAM = """
import os, pwd
os.chdir("/")
os.umask(0o022)
if {account!r}:
    found = pwd.getpwnam({account!r})
    os.initgroups(found.pw_name, found.pw_gid)
    os.setgid(found.pw_gid)
    os.setuid(found.pw_uid)
    os.environ.update(HOME=found.pw_dir, USER=found.pw_name, LOGNAME=found.pw_name)
os.execv("/bin/sh", ["sh", "-c", {command!r}])
"""


class BecomeBackend(SshBackend):
    """Commands over ssh, with the rights of another account of the host."""

    NAME = "become"

    def run(self, command: str, *args: str, **_: Any) -> CommandResult:
        """Run a command; its output is without the line that proves the change of rights."""
        program = PROGRAM.format(account=self.sudo_user or "", command=self.quote(command, *args))
        mark = "BECOME-SUCCESS-" + "".join(
            secrets.choice(string.ascii_lowercase) for _ in range(32)
        )
        started = shlex.quote(f"echo {mark} ; {INTERPRETER}")
        sudo = f"sudo -H -S -n -u root /bin/sh -c {started}"
        done = self.run_ssh(f"printf %s {shlex.quote(program)} | {sudo}")
        output = done.stdout_bytes.removeprefix(f"{mark}\n".encode())
        return self.result(done.rc, self.encode(command), output, done.stderr_bytes)


def pytest_configure() -> None:
    """Make the connection known to testinfra."""
    testinfra.backend.BACKENDS["become"] = f"{__name__}.BecomeBackend"
