"""Reading what a user wrote, so that every mistake is told with its path, all at once.

Every getter notes its key as known; ``close`` then names the keys that nobody asked for, with the
nearest known one. A getter that meets a mistake notes it and gives a harmless value, so that the
reading goes on to the next mistake; the caller must not use the result when there are problems.
"""

from __future__ import annotations

import difflib
import ipaddress
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from .matching import Matcher, parse_matchers
from .model import Service

DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$")
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class Fields:
    """One mapping of the user's and where it stands."""

    def __init__(self, raw: object, path: str, problems: list[str]) -> None:
        self.path = path
        self.problems = problems
        self.known: list[str] = []
        self.raw: Mapping[str, Any] = raw if isinstance(raw, Mapping) else {}
        if not isinstance(raw, Mapping):
            self.problem("", f"must be a mapping, not {told(raw)}")

    def problem(self, key: str, words: str) -> None:
        """Note one mistake."""
        self.problems.append(f"{self.path}{'.' if key else ''}{key}: {words}")

    def close(self) -> None:
        """Note every key that was never asked for."""
        for key in self.raw:
            if key not in self.known:
                near = difflib.get_close_matches(str(key), self.known, 1, 0.5)
                hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(self.known)}"
                self.problem(str(key), f"unknown key; {hint}")

    def get(self, key: str, default: object = ...) -> Any:
        """The raw value; without a default it must be there."""
        if key not in self.known:
            self.known.append(key)
        value = self.raw.get(key)
        if value is None and default is ...:
            self.problem(key, "is missing")
        return default if value is None else value

    def has(self, key: str) -> bool:
        """True when the user wrote this key."""
        return self.get(key, None) is not None

    def text(self, key: str, default: object = ...) -> str:
        """A text that is not empty, unless the default is."""
        value = self.get(key, default)
        if isinstance(value, str) and (value or default == ""):
            return value
        if value is not ...:
            self.problem(key, f"must be a text, not {told(value)}")
        return "?"

    def number(self, key: str, default: object = ...) -> float:
        """A finite number."""
        value = self.get(key, default)
        if not isinstance(value, bool) and isinstance(value, (int, float)):
            try:
                number = float(value)
            except OverflowError:
                number = math.inf
            if math.isfinite(number):
                return number
            self.problem(key, "must be a finite number")
        elif value is not ...:
            self.problem(key, f"must be a number, not {told(value)}")
        return 1.0

    def optional(self, key: str) -> float | None:
        """A finite number, or None when the key is not there."""
        return self.number(key) if self.has(key) else None

    def whole(self, key: str, default: int, least: int) -> int:
        """A whole number, at least ``least``."""
        value = self.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            self.problem(key, f"must be a whole number, at least {least}, not {told(value)}")
            return least
        return value

    def seconds(self, key: str, default: float, least: float = 0.001) -> float:
        """A duration: seconds, or a text like 500ms, 5s, 5m, 24h."""
        value = self.get(key, default)
        match = DURATION.match(value) if isinstance(value, str) else None
        if match:
            value = float(match[1]) * UNITS[match[2]]
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            self.problem(key, f"must be seconds or a text like 5m, not {told(value)}")
        elif not least <= value <= 31 * 86400:
            self.problem(key, f"must be from {least:g} s to 31 days, not {value:g} s")
        else:
            return float(value)
        return default

    def choice(self, key: str, choices: Sequence[str], default: object = ...) -> str:
        """One of a few words."""
        value = self.get(key, default)
        if value in choices and isinstance(value, str):
            return value
        if value is not ...:
            near = difflib.get_close_matches(str(value), choices, 1, 0.5)
            hint = f"; did you mean {near[0]}?" if near else ""
            self.problem(key, f"must be one of {', '.join(choices)}, not {told(value)}{hint}")
        return choices[0]

    def flag(self, key: str, default: bool) -> bool:
        """True or false."""
        value = self.get(key, default)
        if not isinstance(value, bool):
            self.problem(key, f"must be true or false, not {told(value)}")
        return value is True

    def url(self, key: str, default: object = ...) -> str:
        """An http or https url with a host and without a password."""
        value = self.text(key, default)
        if value not in ("", "?") and not is_url(value):
            self.problem(key, f"must be an http or https url without credentials, not {value!r}")
        return value

    def pattern(self, key: str) -> str:
        """A regular expression with at least one named group."""
        value = self.text(key)
        try:
            if not re.compile(value).groupindex:
                self.problem(key, "needs named groups, like (?P<level>\\w+)")
        except re.error as error:
            self.problem(key, f"is no regular expression: {error}")
            return "?"
        return value

    def mapping(self, key: str) -> dict[str, Any]:
        """A flat mapping of names to plain values; empty by default."""
        value = self.get(key, {})
        if isinstance(value, Mapping):
            flat = (str, int, float, bool, type(None))
            for name, inner in value.items():
                if not isinstance(inner, flat):
                    self.problem(f"{key}.{name}", f"must be a plain value, not {told(inner)}")
            return {str(name): v for name, v in value.items() if isinstance(v, flat)}
        self.problem(key, f"must be a mapping, not {told(value)}")
        return {}

    def matchers(self, key: str) -> tuple[Matcher, ...]:
        """Conditions on labels or fields."""
        try:
            return parse_matchers({name: plain(v) for name, v in self.mapping(key).items()})
        except re.error as error:
            self.problem(key, f"a pattern is no regular expression: {error}")
            return ()

    def sub(self, key: str) -> Fields | None:
        """A mapping below this one, or None when it is not there."""
        value = self.get(key, None)
        return None if value is None else Fields(value, f"{self.path}.{key}", self.problems)

    def service(
        self, url: str, services: Sequence[Service], required: bool = False
    ) -> Service | None:
        """The service whose process must have answered: named, or told by the url's host and port.

        ``service: none`` says that the answer cannot be tied to a process of the system.
        """
        name = self.text("service", "")
        if name == "none" and not required:
            return None
        here = urlsplit(url).netloc
        for service in services:
            if service.name == name or (not name and here and urlsplit(service.url).netloc == here):
                return service
        names = ", ".join(service.name for service in services) or "none has a health url"
        words = f"no service {name!r}" if name else f"no service's health is at {here or 'no url'}"
        none = "" if required else ", or say `service: none`"
        self.problem("service", f"{words}; name one of {names}{none}")
        return None


def told(value: object) -> str:
    """A value as a message shows it."""
    return f"{type(value).__name__} {value!r:.40}"


def plain(value: object) -> str:
    """A label's value as text: YAML reads 200 as a number and true as a flag."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def is_url(value: str) -> bool:
    """True for http and https urls with a host, no credentials and a sane port."""
    try:
        parts = urlsplit(value)
        port_ok = parts.port is None or parts.port > 0
    except ValueError:
        return False
    clean = not re.search(r"[\s\x00-\x1f]", value)
    sound = bool(parts.hostname) and port_ok and "@" not in parts.netloc
    return parts.scheme in ("http", "https") and sound and clean


def is_loopback(url: str) -> bool:
    """True when a url can only reach this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
