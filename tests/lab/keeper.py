"""Keeps one machine running: enters its cgroup, starts it, and starts it again when it reboots.

Run by file name with: CGROUP_PROCS COMMAND [ARGUMENT...]. It imports nothing but `os` and `sys`, as
one of these stays in memory for each machine.
"""

from __future__ import annotations

import os
import sys

# systemd-nspawn's exit status when the machine asked for a reboot; with --keep-unit it expects its
# caller to start it again.
_REBOOT = 133


def main(cgroup_procs: str, command: list[str]) -> None:
    """Return to the caller once the cgroup holds the process that keeps the machine."""
    with open(cgroup_procs, "w", encoding="ascii") as group:  # noqa: PTH123 - pathlib doubles the memory
        group.write(str(os.getpid()))
    if os.fork():
        return
    os.setsid()
    # The caller's lock came along so that nobody believed the machine to be off until here.
    os.closerange(3, 256)
    while os.spawnvp(os.P_WAIT, command[0], command) == _REBOOT:
        pass


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
