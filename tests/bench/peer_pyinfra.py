"""A release of abathur by pyinfra 3, as a person would write it: the peer of an upgrade over ssh.

Run by pyinfra, not by Python. Data: `archive`, the release's tar on this side; `migrator`, what
applies its migrations; `prepare`, true for the first release of a host. What is missing is the
point of the comparison: a backup, a drill, a rehearsal, smoke tests, gates, a record, a way back.
"""

from __future__ import annotations

from io import StringIO
from pathlib import PurePath

from pyinfra import host
from pyinfra.operations import files, server, systemd

USER = "abathur"
ROOT, DATA = "/srv/abathur", "/var/lib/abathur"
DATABASE = f"{DATA}/abathur.db"
PORTS = {"abathur-api": 8000, "abathur-workers": 8001}
LISTEN = {
    "abathur-api": f"ABATHUR_LISTEN=0.0.0.0:{PORTS['abathur-api']}",
    "abathur-workers": f"ABATHUR_WORKERS_LISTEN=127.0.0.1:{PORTS['abathur-workers']}",
}
UNIT = """\
[Unit]
After=network.target
[Service]
Type=exec
ExecStart=/usr/bin/python3 {root}/current/bin/{name}
User={user}
Environment=PYTHONDONTWRITEBYTECODE=1
Environment=ABATHUR_DATABASE={database}
Environment=ABATHUR_DOCUMENTS={data}/documents
Environment={listen}
Restart=on-failure
[Install]
WantedBy=multi-user.target
"""
ANSWERS = (
    "timeout 30 sh -c 'until curl --silent http://127.0.0.1:{port}/health"
    """ | grep -q "\\"version\\": *\\"{version}\\""; do sleep 0.1; done'"""
)


def prepare() -> None:
    """What a host has before its first release: account, directories, units, the migrator."""
    server.user(user=USER, system=True, ensure_home=False, shell="/usr/sbin/nologin")
    files.directory(path=f"{ROOT}/releases")
    files.directory(path=DATA, user=USER, group=USER, mode="700")
    files.put(src=host.data.migrator, dest=f"{ROOT}/migrate.py")
    for name, listen in LISTEN.items():
        words = {"name": name, "listen": listen, "root": ROOT, "data": DATA, "user": USER}
        unit = UNIT.format(database=DATABASE, **words)
        files.put(src=StringIO(unit), dest=f"/etc/systemd/system/{name}.service")
    systemd.daemon_reload()


def release(archive: str) -> None:
    """Unpack the release, migrate the live database, switch the link, restart, wait for answers."""
    version = PurePath(archive).stem.partition("-")[2]
    place, tar = f"{ROOT}/releases/{version}", f"{ROOT}/{PurePath(archive).name}"
    files.put(src=archive, dest=tar)
    files.directory(path=place)
    server.shell(commands=f"tar --extract --no-same-owner --file {tar} --directory {place}")
    server.shell(
        commands=f"/usr/bin/python3 {ROOT}/migrate.py --release {place} --database {DATABASE}",
        _sudo=True,
        _sudo_user=USER,
    )
    files.link(path=f"{ROOT}/current", target=f"releases/{version}")
    for name in PORTS:
        systemd.service(service=name, restarted=True, enabled=True)
    ready = [ANSWERS.format(port=port, version=version) for port in PORTS.values()]
    server.shell(commands=ready)


if host.data.get("prepare"):
    prepare()
release(host.data.archive)
