"""What a reload of HAProxy would keep of the states that were set over its socket.

A new worker begins with what its configuration says, unless that names a file of states and has it
loaded. Then the file is ours to write after each change: HAProxy itself never writes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import StepFailed
from ..files import write_atomic
from .runtime import Runtime

SECTIONS = (
    *("global", "defaults", "frontend", "backend", "listen", "peers", "resolvers", "mailers"),
    *("userlist", "program", "cache", "http-errors", "ring", "fcgi-app", "log-forward"),
)

GLOBAL, LOCAL, NONE, UNKNOWN = "global", "local", "none", "unknown"

Section = tuple[str, str, list[list[str]]]
"""Its kind, its name, its lines in words."""


@dataclass(frozen=True)
class Survival:
    """How states outlive a reload: ``method`` of global, local, none, unknown; and their file."""

    method: str
    file: str = ""

    @property
    def kept(self) -> bool:
        """True when a reload keeps what the file says."""
        return bool(self.file)


def read_survival(runtime: Runtime, backend: str) -> Survival:
    """What the running configuration does with states; unknown when it cannot be read."""
    try:
        text = "\n".join(path.read_text() for path in config_files(runtime))
    except (OSError, ValueError):
        return Survival(UNKNOWN)
    return survival_of(text, backend) if text else Survival(UNKNOWN)


def config_files(runtime: Runtime) -> list[Path]:
    """The files that HAProxy was started with, in its own words."""
    said = runtime.ask("show env HAPROXY_CFGFILES")
    name, _, value = said.partition("=")
    if name != "HAPROXY_CFGFILES":
        return []
    here = Path("/proc") / worker_pid(runtime) / "cwd"
    return [here / part for part in value.split(";") if part]


def worker_pid(runtime: Runtime) -> str:
    """The process that answers; a reload puts another one in its place."""
    for line in runtime.ask("show info").splitlines():
        key, _, value = line.partition(":")
        if key == "Pid" and value.strip().isdigit():
            return value.strip()
    raise StepFailed("HAProxy does not say which process it is (show info has no Pid)")


def survival_of(text: str, backend: str) -> Survival:
    """What a configuration does with the states of one backend."""
    found = list(sections(text))
    base = setting(found, GLOBAL, "server-state-base")
    method, name = NONE, ""
    defaults: dict[str, tuple[str, str]] = {}
    present = (NONE, "")
    for kind, title, lines in found:
        if kind == "defaults":
            present = loading(lines, (NONE, ""))
            defaults[title] = present
        elif kind in ("backend", "listen") and title == backend:
            method, name = loading(lines, inherited(lines, defaults, present))
    if method == GLOBAL:
        return Survival(GLOBAL, joined(base, setting(found, GLOBAL, "server-state-file")))
    if method == LOCAL:
        return Survival(LOCAL, joined(base, name or backend))
    return Survival(NONE)


def sections(text: str) -> Iterator[Section]:
    """The sections of a configuration; quotes are not understood, no name here may hold one."""
    kind, title, lines = "", "", []  # type: str, str, list[list[str]]
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if words and words[0] in SECTIONS:
            yield kind, title, lines
            kind, title, lines = words[0], words[1] if len(words) > 1 else "", [words]
        elif words:
            lines.append(words)
    yield kind, title, lines


def inherited(
    lines: list[list[str]], defaults: dict[str, tuple[str, str]], last: tuple[str, str]
) -> tuple[str, str]:
    """What a section takes over: from the defaults it names (`backend x from y`), or the last."""
    head = lines[0]
    return defaults.get(head[3], last) if head[2:3] == ["from"] and len(head) > 3 else last


def loading(lines: list[list[str]], before: tuple[str, str]) -> tuple[str, str]:
    """Whether and from where a section loads states."""
    method, name = before
    for words in lines:
        if words[0] == "load-server-state-from-file" and len(words) > 1:
            method = words[1]
        elif words[0] == "server-state-file-name" and len(words) > 1:
            name = "" if words[1] == "use-backend-name" else words[1]
    return method, name


def setting(found: Iterable[Section], kind: str, name: str) -> str:
    """The last value of a setting in the sections of a kind; empty when it is not there."""
    value = ""
    for section, _, lines in found:
        for words in lines if section == kind else []:
            if words[0] == name and len(words) > 1:
                value = words[1]
    return value


def joined(base: str, file: str) -> str:
    """A state file below its base; only an absolute one can be told from outside."""
    path = f"{base}/{file}" if base and file and not file.startswith("/") else file
    return path if path.startswith("/") else ""


def keep_states(runtime: Runtime, survival: Survival, backend: str) -> None:
    """Write the present states where the next reload reads them; nothing where none does."""
    if not survival.kept:
        return
    asked = f"show servers state {backend}" if survival.method == LOCAL else "show servers state"
    said = runtime.ask(asked)
    if not said.startswith("1\n"):
        raise StepFailed(f"HAProxy does not tell its states for {survival.file}")
    # Not private: HAProxy reads it before it gives up its rights, but people look at it as well.
    write_atomic(survival.file, said.encode() + b"\n\n", 0o644)
