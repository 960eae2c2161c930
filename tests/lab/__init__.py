"""The lab: real machines on this one, to deploy to and to break.

Each machine is a full Debian with systemd and sshd in systemd-nspawn, with an address, a disk and a
link of its own. It can lose its power (what was not synced is gone), its network or its disk space,
and it is ready in about a second. Root is needed; `python -m tests.lab --help` is the door for
people, this package the one for tests::

    from tests.lab import Lab

    lab = Lab()
    machines = lab.up(Path("inventories/staging"))
    machines["abathur-s1"].power_off()
"""

from __future__ import annotations

from tests.lab.errors import LabError
from tests.lab.host import missing_requirements
from tests.lab.lab import Lab, Machine
from tests.lab.spec import MachineSpec, read_inventory

__all__ = ["Lab", "LabError", "Machine", "MachineSpec", "missing_requirements", "read_inventory"]
