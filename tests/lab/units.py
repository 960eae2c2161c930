"""The servers that every machine has and only those run that ask for them: `lab_units`.

They lie in the image as Debian ships them, but off, and without what belongs to one host alone: a
database cluster and a TLS key. A machine that asks for PostgreSQL makes both at its first boot, on
its own disk, where a power loss takes what was not synced and nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.lab.commands import run

if TYPE_CHECKING:
    from pathlib import Path

KNOWN = ("haproxy", "postgresql", "redis-server")

_SYSTEM = "etc/systemd/system"
_WANTED = f"{_SYSTEM}/multi-user.target.wants"
_MADE = "/var/lib/postgresql/lab-made"
_CLUSTER = "lab-postgresql.service"
# What a power loss left of a half-made cluster is removed. The mark is on the disk before the
# server starts, so that no cluster which anybody could have written to is ever made anew.
_CLUSTER_UNIT = f"""\
[Unit]
Description=The machine's own PostgreSQL cluster
ConditionPathExists=!{_MADE}

[Service]
Type=oneshot
ExecStart=/bin/rm -rf /etc/postgresql/15/main /var/lib/postgresql/15/main
ExecStart=/usr/sbin/make-ssl-cert generate-default-snakeoil --force-overwrite
ExecStart=/usr/bin/pg_createcluster --locale=C.UTF-8 15 main -- --no-sync
ExecStart=/usr/bin/touch {_MADE}
ExecStart=/usr/bin/sync --file-system {_MADE}
ExecStart=/usr/bin/systemctl start postgresql@15-main.service
"""


def recipe() -> dict[str, object]:
    """Return what an image is told about servers."""
    return {"known": list(KNOWN), "cluster": _CLUSTER_UNIT}


def put_to_rest(tree: Path) -> None:
    """Turn the servers of a fresh image off, and take away what was made for one host."""
    for link in [*(tree / _WANTED).glob("*"), tree / _SYSTEM / "redis.service"]:
        if link.name.removesuffix(".service") in (*KNOWN, "redis"):
            link.unlink(missing_ok=True)
    run(["chroot", tree, "pg_dropcluster", "15", "main"])
    for secret in (*tree.glob("etc/ssl/private/*"), *tree.glob("etc/ssl/certs/ssl-cert-snakeoil*")):
        secret.unlink()
    (tree / _SYSTEM / _CLUSTER).write_text(_CLUSTER_UNIT, encoding="ascii")


def enable(root: Path, wanted: tuple[str, ...]) -> None:
    """Let the servers start at every boot of a machine that is off."""
    names = [f"{name}.service" for name in wanted]
    targets = {name: f"/lib/systemd/system/{name}" for name in names}
    if "postgresql" in wanted:
        targets[_CLUSTER] = f"/{_SYSTEM}/{_CLUSTER}"
    for name, target in targets.items():
        link = root / _WANTED / name
        link.unlink(missing_ok=True)
        link.symlink_to(target)
