"""Unit files of systemd, rendered from the noun ``services``."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..errors import BadInput
from .model import Fleet, Service

HARDENING: Mapping[str, object] = {
    "NoNewPrivileges": True,
    "CapabilityBoundingSet": "",
    "AmbientCapabilities": "",
    "ProtectSystem": "strict",
    "ProtectHome": True,
    "PrivateTmp": True,
    "PrivateDevices": True,
    "DevicePolicy": "closed",
    "ProtectKernelTunables": True,
    "ProtectKernelModules": True,
    "ProtectKernelLogs": True,
    "ProtectControlGroups": True,
    "ProtectClock": True,
    "ProtectHostname": True,
    "ProtectProc": "invisible",
    "RestrictNamespaces": True,
    "RestrictRealtime": True,
    "RestrictSUIDSGID": True,
    "RestrictAddressFamilies": ["AF_INET", "AF_INET6", "AF_UNIX"],
    "LockPersonality": True,
    "MemoryDenyWriteExecute": True,
    "RemoveIPC": True,
    "KeyringMode": "private",
    "SystemCallArchitectures": "native",
    "SystemCallFilter": ["@system-service", "~@privileged @resources"],
    "SystemCallErrorNumber": "EPERM",
    "UMask": "0077",
    "LimitCORE": 0,
}
"""What a service may not do unless ``hardening`` of its noun says otherwise."""

REPEATED = ("SystemCallFilter",)
"""Directives whose lists are one line each: a line that begins with ``~`` takes away."""

OURS = re.compile(
    r"Exec\w*|Type|User|Group|DynamicUser|Environment\w*|PassEnvironment|UnsetEnvironment"
    r"|WorkingDirectory|RootDirectory|RootImage|Restart\w*|ReadWritePaths|KillMode|GuessMainPID"
    r"|PIDFile|RemainAfterExit|FailureAction|SuccessAction"
)
"""Directives that would change what runs, as whom, or when: never taken from ``hardening``."""


def render_unit(service: Service, fleet: Fleet) -> str:
    """The text of a service's unit file. Raises BadInput for what cannot be written into one."""
    if not fleet.user:
        raise BadInput(f"{service.name}: without service_user it would run as root")
    if "$" in service.command[0]:
        raise BadInput(f"{service.name}: the path of the program holds '$': {service.command[0]}")
    lines = [
        f"# Written by Stagegate for the system {fleet.run.system}. A change by hand is refused",
        "# by the next deployment: change the noun `services` of the system instead.",
        "[Unit]",
        f"Description={percent(service.description)}",
        f"After={' '.join(['network.target', *service.after])}",
        "StartLimitIntervalSec=60",
        "StartLimitBurst=5",
        "",
        "[Service]",
        "Type=exec",
        # As root (+), because the service's account can see neither the guard nor its folder.
        f"ExecCondition=+/usr/bin/test ! -e {quote(str(fleet.guard), dollar=True)}",
        f"ExecStart={' '.join(quote(word, dollar=True) for word in service.command)}",
        f"User={fleet.user}",
        f"Group={fleet.user}",
        "WorkingDirectory=/",
        *(f"Environment={quote(f'{k}={v}')}" for k, v in environment(service).items()),
        "Restart=on-failure",
        "RestartSec=1",
        f"TimeoutStopSec={service.stop_within:g}",
        *(f"ReadWritePaths={quote(path)}" for path in service.writable),
        *hardening_lines(service),
        "",
        "[Install]",
        "WantedBy=multi-user.target",
        "",
    ]
    return "\n".join(lines)


def environment(service: Service) -> dict[str, str]:
    """A service's variables. No Python may write compiled files beside a release's sources."""
    return {"PYTHONDONTWRITEBYTECODE": "1", **service.environment}


def hardening_lines(service: Service) -> list[str]:
    """The restrictions of a service, its own instead of the shipped ones where it names them."""
    for key in service.hardening:
        if not re.fullmatch(r"[A-Z][A-Za-z]*", key) or OURS.fullmatch(key):
            raise BadInput(f"{service.name}: hardening may not set {key!r}")
    merged = {**HARDENING, **service.hardening}
    return [line for key, value in merged.items() for line in directive(service.name, key, value)]


def directive(name: str, key: str, value: object) -> list[str]:
    """The lines of one directive."""
    words = [plain(name, key, word) for word in (value if isinstance(value, list) else [value])]
    if key in REPEATED:
        return [f"{key}={word}" for word in words]
    return [f"{key}={' '.join(words)}"]


def plain(name: str, key: str, value: object) -> str:
    """A value of a directive as systemd writes it. Raises BadInput for more than one line."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if not text.isprintable() or text.endswith("\\"):
        raise BadInput(f"{name}: hardening.{key} is not one line of text: {text!r}")
    return text


def percent(text: str) -> str:
    """A text in which systemd sees no specifier."""
    return text.replace("%", "%%")


def quote(text: str, *, dollar: bool = False) -> str:
    """One word of a directive; with ``dollar`` also safe where variables are expanded."""
    escaped = percent(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped.replace("$", "$$") if dollar else escaped}"'
