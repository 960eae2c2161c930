"""The noun ``services``: what a user says about the processes of a system."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..errors import BadInput
from ..journal import Run

NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
USER = re.compile(r"[a-z_][a-z0-9_-]{0,30}")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class Health:
    """How a service says that it works and what it is; times in seconds."""

    host: str
    port: int
    path: str
    version_field: str
    instance_field: str
    ready_within: float
    stable_for: float

    @property
    def url(self) -> str:
        """Where the host itself asks."""
        return f"http://{self.host}:{self.port}{self.path}"


@dataclass(frozen=True)
class Service:
    """One process of a system."""

    name: str
    description: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    writable: tuple[str, ...]
    after: tuple[str, ...]
    hardening: Mapping[str, Any]
    stop_within: float
    health: Health


@dataclass(frozen=True)
class Fleet:
    """All services of one system on one host, in the order in which they start.

    ``version`` is the release that they must say they are.
    """

    run: Run
    phase: str
    services: tuple[Service, ...]
    user: str
    version: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Their names, in the order in which they start."""
        return tuple(service.name for service in self.services)

    @property
    def guard(self) -> Path:
        """While this file exists, none of them may start."""
        return self.run.guard


def read_fleet(params: Mapping[str, Any]) -> Fleet:
    """A module's parameters. Raises BadInput naming the service and the key that are wrong."""
    services = tuple(read_service(value) for value in params["services"])
    names = [service.name for service in services]
    if len(set(names)) != len(names):
        raise BadInput(f"two services have the same name: {', '.join(names)}")
    user = str(params.get("service_user") or "")
    if user and not USER.fullmatch(user):
        raise BadInput(f"service_user {user!r} is no name of an account")
    return Fleet(
        run=Run.from_params(params["run"]),
        phase=str(params.get("phase") or ""),
        services=services,
        user=user,
        version=str(params.get("version") or ""),
    )


def read_service(value: Mapping[str, Any]) -> Service:
    """One service."""
    name = str(value.get("name", ""))
    if not NAME.fullmatch(name):
        raise BadInput(f"the service name {name!r} is not lower case letters, digits and '-'")
    command = read_words(name, "command", value.get("command"))
    if not command or not is_path(command[0]):
        raise BadInput(f"{name}: command must begin with the absolute path of a program")
    writable = read_words(name, "writable", value.get("writable") or [])
    for path in writable:
        if not is_path(path):
            raise BadInput(f"{name}: writable holds {path!r}, which is no absolute, normal path")
    description = one_line(name, "description", value.get("description") or name)
    if description.endswith("\\"):
        raise BadInput(f"{name}: description ends with a backslash, and would take in a line more")
    return Service(
        name=name,
        description=description,
        command=command,
        environment=read_environment(name, value.get("environment") or {}),
        writable=writable,
        after=read_words(name, "after", value.get("after") or []),
        hardening=mapping(name, "hardening", value.get("hardening")),
        stop_within=seconds(name, "stop_within", value.get("stop_within", 10)),
        health=read_health(name, mapping(name, "health", value.get("health"))),
    )


def mapping(name: str, key: str, value: object) -> dict[str, Any]:
    """A mapping; an empty one where nothing is said."""
    if value is not None and not isinstance(value, Mapping):
        raise BadInput(f"{name}: {key} is not a mapping")
    return dict(value or {})


def read_words(name: str, key: str, value: object) -> tuple[str, ...]:
    """A list of texts without control characters."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise BadInput(f"{name}: {key} is not a list")
    return tuple(one_line(name, key, item) for item in value)


def one_line(name: str, key: str, value: object) -> str:
    """A text without control characters: a newline would begin another line of the unit."""
    text = str(value)
    if CONTROL.search(text):
        raise BadInput(f"{name}: {key} holds a control character: {text!r}")
    return text


def is_path(text: str) -> bool:
    """Tell whether a text is an absolute path without ``.``, ``..`` or empty parts."""
    parts = text.split("/")[1:]
    return text.startswith("/") and all(part not in ("", ".", "..") for part in parts)


def read_environment(name: str, value: object) -> dict[str, str]:
    """The variables of a service."""
    if not isinstance(value, Mapping):
        raise BadInput(f"{name}: environment is not a mapping")
    for key, text in value.items():
        if not VARIABLE.fullmatch(str(key)):
            raise BadInput(f"{name}: {key!r} is no name of a variable")
        if isinstance(text, (bool, dict, list)) or text is None:
            raise BadInput(f"{name}: {key} must be a text or a number, it is {text!r}")
    return {str(k): one_line(name, str(k), text) for k, text in value.items()}


def seconds(name: str, key: str, value: object) -> float:
    """A time that can be waited for."""
    try:
        number = float(str(value))
    except ValueError as error:
        raise BadInput(f"{name}: {key} is no number of seconds: {value!r}") from error
    if not 0 <= number <= 86400:
        raise BadInput(f"{name}: {key} must lie between 0 and 86400 seconds: {value!r}")
    return number


def read_health(name: str, value: Mapping[str, Any]) -> Health:
    """Where and what a service answers about itself."""
    url = one_line(name, "health.url", value.get("url", ""))
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname or parts.username is not None:
        raise BadInput(f"{name}: health.url must be http://<host>:<port>/<path>: {url!r}")
    try:
        port = parts.port or 80
    except ValueError as error:
        raise BadInput(f"{name}: health.url has no port: {url!r}") from error
    query = f"?{parts.query}" if parts.query else ""
    return Health(
        host=parts.hostname,
        port=port,
        path=(parts.path or "/") + query,
        version_field=str(value.get("version_field") or "version"),
        instance_field=str(value.get("instance_field") or "instance_id"),
        ready_within=seconds(name, "health.ready_within", value.get("ready_within", 20)),
        stable_for=seconds(name, "health.stable_for", value.get("stable_for", 2)),
    )
