"""The daily drilled backup of a host, which goes on when nobody deploys.

A timer of systemd starts the same code that a deployment backs up with. The host has no package of
ours, so the module that installs the timer leaves a copy of the core that it was sent.
"""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path
from typing import Any

from .command import run_command
from .errors import StepFailed
from .files import make_private_dir, write_atomic
from .journal import Journal

UNITS = Path("/etc/systemd/system")
PROGRAM = Path("/usr/local/lib/stagegate")
ALONE = ("files", "jsonl", "sqlite")
"""Kinds of stores that are files of the host itself: their backup needs no network."""

SERVICE = """\
[Unit]
Description=Daily backup of {system}, restored and compared
RequiresMountsFor={state}

[Service]
Type=oneshot
ExecStart={python} -B -m stagegate.daily_backup --config {config}
WorkingDirectory={program}
UMask=0077
Nice=10
IOSchedulingClass=idle
CapabilityBoundingSet={capabilities}
LockPersonality=yes
NoNewPrivileges=yes
PrivateDevices=yes
PrivateMounts=yes
PrivateNetwork={alone}
PrivateTmp=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHome=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectSystem=full
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallErrorNumber=EPERM
SystemCallFilter=@system-service
"""

CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "KILL", "SETGID", "SETUID")
"""Reading every account's data, and running a server's programs as its account."""

TIMER = """\
[Unit]
Description=Daily backup of {system}

[Timer]
OnCalendar={calendar}
Persistent=yes
RandomizedDelaySec=60

[Install]
WantedBy=timers.target
"""


def core_files() -> dict[str, bytes]:
    """The core's own sources, as they came to this host: from the module's archive or a folder."""
    here = Path(__file__).resolve().parent
    if here.is_dir():
        found = {str(p.relative_to(here.parent)): p.read_bytes() for p in here.rglob("*.py")}
        return {name: data for name, data in found.items() if name.startswith(here.name)}
    archive = next(p for p in (Path(entry) for entry in sys.path) if zipfile.is_zipfile(p))
    prefix = "ansible/module_utils/"
    with zipfile.ZipFile(archive) as opened:
        names = [n for n in opened.namelist() if n.startswith(prefix + "stagegate/")]
        return {name[len(prefix) :]: opened.read(name) for name in names}


def wanted_files(params: dict[str, Any], run_host: str, state: Path) -> dict[Path, bytes]:
    """Every file of the schedule, by its place."""
    system, schedule = params["system"], params["schedule"]
    name, config = f"stagegate-backup-{system}", state / "daily_backup.json"
    told = {"system": system, "host": run_host, "state": str(state), "stores": params["stores"]}
    told["keep"] = schedule.get("keep", 30)
    words = {
        "system": system,
        "state": state,
        "python": params["python"],
        "config": config,
        "program": PROGRAM,
        "capabilities": " ".join(f"CAP_{name}" for name in CAPABILITIES),
        "alone": "yes" if all(s["kind"] in ALONE for s in params["stores"]) else "no",
        "calendar": schedule.get("calendar", "*-*-* 02:00:00"),
    }
    return {
        **{PROGRAM / place: data for place, data in core_files().items()},
        config: json.dumps(told, sort_keys=True, indent=2).encode() + b"\n",
        UNITS / f"{name}.service": SERVICE.format(**words).encode(),
        UNITS / f"{name}.timer": TIMER.format(**words).encode(),
    }


def install(journal: Journal, params: dict[str, Any], check_mode: bool) -> bool:
    """Leave the timer enabled and running; True when anything was not as it must be."""
    files = wanted_files(params, journal.run.host, journal.run.state)
    timer = f"stagegate-backup-{params['system']}.timer"
    differing = [p for p, data in files.items() if not p.exists() or p.read_bytes() != data]
    active = run_command(["systemctl", "is-active", timer], deadline=20).well
    if check_mode or not (differing or not active):
        return bool(differing or not active)
    with journal.step("backup", "schedule", {"timer": timer}) as step:
        for place in differing:
            if not place.parent.exists():
                make_private_dir(place.parent, 0o755)
            write_atomic(place, files[place], 0o644 if place.parent == UNITS else 0o600)
        for argv in (["daemon-reload"], ["enable", "--now", timer]):
            outcome = run_command(["systemctl", *argv], deadline=60)
            if not outcome.well:
                raise StepFailed(
                    f"the daily backup on {journal.run.host} could not be scheduled: "
                    f"systemctl {argv[0]}: {outcome.reason()}",
                    now="the services run as before",
                    untouched="live data and live release",
                    next=f"look at it: systemctl status {timer}",
                )
        step.done(state={"timer": timer, "files": len(differing)})
    return True
