"""Who a machine is and who may enter: host keys, the lab's key, one ssh_config for everybody."""

from __future__ import annotations

import subprocess
import uuid
from typing import TYPE_CHECKING

from tests.lab import baseline
from tests.lab.commands import run
from tests.lab.files import write

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.home import Home, MachineFiles
    from tests.lab.spec import MachineSpec

# The key exchange is named because ssh's first choice costs 75 ms more of the login's 140.
_EVERY_MACHINE = """\
Host *
  User {account}
  IdentityFile {key}
  IdentitiesOnly yes
  UserKnownHostsFile {known_hosts}
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  GSSAPIAuthentication no
  BatchMode yes
  ForwardAgent no
  ForwardX11 no
  ServerAliveInterval 5
  ServerAliveCountMax 6
  KexAlgorithms curve25519-sha256
  LogLevel ERROR
"""


def ensure_key(home: Home) -> None:
    """Make the key that opens every machine, unless it is there."""
    if not home.key.exists():
        _make_key(home.key, "stagegate-lab")


def ensure_identity(home: Home, files: MachineFiles, spec: MachineSpec) -> None:
    """Give a machine that has none its name, machine id and host key, and let the lab's key in.

    The identity is on the disk before it is believed to exist: known_hosts, outside, is written
    last.
    """
    if files.known_hosts.exists():
        return
    etc = files.root / "etc"
    write(etc / "hostname", f"{spec.name}\n")
    write(etc / "hosts", f"127.0.0.1 localhost\n127.0.1.1 {spec.name}\n")
    write(etc / "machine-id", f"{uuid.uuid4().hex}\n")
    host_key = etc / "ssh/ssh_host_ed25519_key"
    _make_key(host_key, spec.name)
    baseline.apply(files.root, _public(home.key).read_text(encoding="ascii"))
    run(["sync", "--file-system", files.disk])
    kind, key = _public(host_key).read_text(encoding="ascii").split()[:2]
    write(files.known_hosts, f"{spec.name},{spec.address} {kind} {key}\n")


def write_client_files(home: Home, machines: list[tuple[MachineFiles, MachineSpec]]) -> None:
    """Write known_hosts and ssh_config for the machines that exist, by name and by address."""
    keys = [
        f.known_hosts.read_text(encoding="ascii") for f, _ in machines if f.known_hosts.exists()
    ]
    names = [f"Host {spec.name}\n  HostName {spec.address}\n" for _, spec in machines]
    every = _EVERY_MACHINE.format(
        account=baseline.ACCOUNT, key=home.key, known_hosts=home.known_hosts
    )
    write(home.known_hosts, "".join(keys))
    write(home.ssh_config, "".join(names) + every)


def ssh(
    home: Home, name: str, argv: list[str], given: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a program in a machine as the deploying user; status 255 is ssh's own failure."""
    quoted = ["'" + word.replace("'", "'\\''") + "'" for word in argv]
    words = ["ssh", "-F", str(home.ssh_config), "-o", "ConnectTimeout=5", name, "--", *quoted]
    return subprocess.run(words, input=given, capture_output=True, text=True, check=False)


def remove_client_files(home: Home) -> None:
    """Remove the lab's key and what ssh reads; no machine is left to enter."""
    for path in (home.key, _public(home.key), home.ssh_config, home.known_hosts):
        path.unlink(missing_ok=True)


def _make_key(path: Path, comment: str) -> None:
    """Make a key pair; the private half, which says that the pair exists, comes last."""
    new = path.with_name(path.name + ".new")
    for leftover in (new, _public(new)):
        leftover.unlink(missing_ok=True)
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", new])
    _public(new).replace(_public(path))
    new.replace(path)


def _public(key: Path) -> Path:
    return key.with_name(key.name + ".pub")
