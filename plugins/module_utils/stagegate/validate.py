"""What a user wrote, checked against its specification before anything is touched.

The specification is the role's ``meta/argument_specs.yml``, the one place where a key is described.
A problem names the path of the key, the reason, and the nearest right name.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import BadInput

NAME = re.compile(r"[a-z][a-z0-9_-]{0,30}")
VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
RUN = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{4}")
ROLE = re.compile(r"[^\W_][\w .&()/-]{0,58}[\w)]")
SPAN = re.compile(r"[1-9]\d{0,5}(s|m|h|d)")
ACCOUNT = re.compile(r"[a-z_][a-z0-9_.-]{0,31}")
DATABASE = re.compile(r"[a-z][a-z0-9_]{0,30}")
UNIT = re.compile(r"[A-Za-z0-9][A-Za-z0-9@_.:-]{0,127}")
PROXY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,63}")
COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
SOURCE = re.compile(r"[\w./][^\x80-\x9f]{0,499}", re.ASCII)
FOLDER = re.compile(r"(?!(?:.*/)?\.\.(?:/|$))[\w./][\w./ +@-]{0,250}", re.ASCII)
CALENDAR = re.compile(r"[A-Za-z0-9*][A-Za-z0-9*:.,/~ +_-]{0,100}")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
UNSAFE = re.compile(r"\{\{|\{%|\{#|[\x00-\x1f\x7f]")

PATTERNS: dict[str, tuple[re.Pattern[str], str]] = {
    "system": (NAME, "a name: a-z, 0-9, - and _, beginning with a letter"),
    "service_user": (NAME, "a name: a-z, 0-9, - and _, beginning with a letter"),
    "stores[].name": (NAME, "a name: a-z, 0-9, - and _, beginning with a letter"),
    "services[].name": (NAME, "a name: a-z, 0-9, - and _, beginning with a letter"),
    "release_version": (VERSION, "a version: letters, digits, dot, - and _, at most 64"),
    "release.version": (VERSION, "a version: letters, digits, dot, - and _, at most 64"),
    "release.digest": (DIGEST, "sha256: and 64 hexadecimal digits"),
    "sign_offs[].role": (ROLE, "a role: letters, digits, spaces and .&()/-, at most 60"),
    "sign_offs[].expires": (SPAN, "a duration: 90m, 24h or 7d"),
    "release.commit": (COMMIT, "a whole commit: 40 or 64 hexadecimal digits"),
    "release.source": (
        SOURCE,
        "a file or a repository: at most 500 characters, and no dash to begin with",
    ),
    "secrets[].owner": (ACCOUNT, "the name of an account"),
    "stores[].owner": (ACCOUNT, "the name of an account"),
    "stores[].admin": (ACCOUNT, "the name of an account"),
    "stores[].database": (DATABASE, "a database: a-z, 0-9 and _, beginning with a letter"),
    "stores[].unit": (UNIT, "the name of a unit"),
    "stores[].migrations.directory": (FOLDER, "a folder of the release, written without .."),
    "services[].after[]": (UNIT, "the name of a unit"),
    "smoke.suite": (FOLDER, "a folder, written without .. and with no dash to begin with"),
    "backup_schedule.calendar": (CALENDAR, "a time in the words of systemd.time(7)"),
    "traffic.host": (PROXY, "a name: letters, digits, _ . : and -"),
    "traffic.backend": (PROXY, "a name: letters, digits, _ . : and -"),
    "traffic.server": (PROXY, "a name: letters, digits, _ . : and -"),
    "releases[].digest": (DIGEST, "sha256: and 64 hexadecimal digits"),
}

TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "path": (str,),
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "list": (list, tuple),
    "dict": (dict, Mapping),
}


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: where, why, and the nearest right name or an empty text."""

    path: str
    reason: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}" + (f"; {self.hint}" if self.hint else "")


def refused(problems: Sequence[Problem], now: str, host: str = "") -> dict[str, Any]:
    """The failed result of an action for bad input: the first problem, and all of them as data.

    ``now`` says what is true; ``host`` is named where the problem is one of that host's variables.
    """
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    what = f"{host}: {problems[0]}{more}" if host else f"{problems[0]}{more}"
    error = BadInput(
        what,
        now=now,
        untouched="every host",
        next="correct it and run the same command again",
    )
    listed = [str(problem) for problem in problems]
    return {"failed": True, "problems": listed, **error.as_result()}


def nearest(name: str, known: Sequence[str]) -> str:
    """Ask whether the closest known name was meant; list all of them when none is close."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]}?"
    return f"known here: {', '.join(sorted(known))}" if known else ""


def check_options(
    values: Mapping[str, Any], options: Mapping[str, Any], path: str = ""
) -> list[Problem]:
    """All problems of a mapping against its options, top-level names included."""
    problems = [
        Problem(join(path, str(key)), "unknown key", nearest(str(key), list(options)))
        for key in values
        if key not in options
    ]
    for name, option in options.items():
        value = values.get(name)
        if value is None:
            if option.get("required"):
                problems.append(Problem(join(path, name), "missing"))
        else:
            problems += check_value(value, option, join(path, name))
    return problems


def check_value(value: Any, option: Mapping[str, Any], path: str) -> list[Problem]:
    """All problems of one value: its type, its choices, its pattern, and what is inside it."""
    if option.get("no_log"):  # judged without a word of it in the answer
        wrong = f"must be a text, not {type_name(value)}"
        return [] if isinstance(value, str) else [Problem(path, wrong)]
    kind = option.get("type", "str")
    if kind == "raw":
        return check_text(value, path)
    if not has_type(value, kind):
        return [Problem(path, f"must be of type {kind}, not {type_name(value)} ({shown(value)})")]
    choices = option.get("choices")
    if choices and value not in choices:
        hint = nearest(str(value), [str(choice) for choice in choices])
        return [Problem(path, f"{shown(value)} is not possible", hint)]
    if kind == "list":
        return check_items(value, option, path)
    if kind == "dict":
        return check_mapping(value, option, path)
    problems = check_text(value, path)
    if kind == "path" and not problems:
        problems = check_path(str(value), path)
    return problems


def check_items(values: Sequence[Any], option: Mapping[str, Any], path: str) -> list[Problem]:
    """The problems of each item, and names that stand twice."""
    inner = {**option, "type": option.get("elements", "raw")}
    problems: list[Problem] = []
    seen: set[str] = set()
    for number, value in enumerate(values):
        problems += check_value(value, inner, f"{path}[{number}]")
        name = value.get("name") if isinstance(value, Mapping) else None
        if isinstance(name, str) and name in seen:
            problems.append(Problem(f"{path}[{number}].name", f"{shown(name)} stands twice"))
        seen.add(str(name))
    return problems


def check_mapping(value: Mapping[str, Any], option: Mapping[str, Any], path: str) -> list[Problem]:
    """The problems of a mapping: against its options, or of its texts when it has none.

    ``by_kind`` holds the options that the driver named by the mapping's ``kind`` adds; while that
    is wrong, nothing else can be judged.
    """
    options = option.get("options") or {}
    drivers = option.get("by_kind")
    if drivers is not None:
        wrong = check_options({"kind": value.get("kind")}, {"kind": options["kind"]}, path)
        if wrong:
            return wrong
        options = {**options, **drivers.get(str(value["kind"]), {})}
    return check_options(value, options, path) if options else check_text(value, path)


def check_text(value: Any, path: str) -> list[Problem]:
    """Template markers and control characters anywhere in a value, and patterns by its path."""
    if isinstance(value, Mapping):
        return [p for key, item in value.items() for p in check_member(key, item, path)]
    if isinstance(value, (list, tuple)):
        return [p for i, item in enumerate(value) for p in check_text(item, f"{path}[{i}]")]
    if not isinstance(value, str):
        return []
    if UNSAFE.search(value):
        return [Problem(path, f"{shown(value)} has a template marker or a control character")]
    rule = PATTERNS.get(re.sub(r"\[\d+\]|(?<=^releases)\.[^.\[]+(?=\.)", "[]", path))
    if rule and not rule[0].fullmatch(value):
        return [Problem(path, f"{shown(value)} is not {rule[1]}")]
    return []


def check_member(key: Any, value: Any, path: str) -> list[Problem]:
    """The problems of a member of a mapping whose keys are the user's own."""
    place = join(path, str(key))
    if UNSAFE.search(str(key)):
        return [Problem(place, "this key has a template marker or a control character")]
    return check_text(value, place)


def check_path(value: str, path: str) -> list[Problem]:
    """A path must be absolute and normal: no .., no double slash, no home sign."""
    if not value.startswith("/"):
        return [Problem(path, f"{shown(value)} must be an absolute path")]
    parts = value.strip("/").split("/")
    if value != "/" and any(part in ("", ".", "..") for part in parts):
        return [Problem(path, f"{shown(value)} must be written without .. , . or //")]
    return []


def check_names(given: Sequence[str], known: Sequence[str]) -> list[Problem]:
    """Variables that nobody reads and that look like a misspelt known one."""
    problems = []
    for name in given:
        close = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
        if name not in known and close:
            problems.append(Problem(name, "unknown variable", f"did you mean {close[0]}?"))
    return problems


def join(path: str, key: str) -> str:
    """The path of a key below a path, as it may be printed."""
    name = key if key.isprintable() and len(key) <= 80 else shown(key)
    return f"{path}.{name}" if path else name


def shown(value: Any) -> str:
    """A value as it may be printed: short, and with nothing that a terminal would act on."""
    text = ascii(value) if not isinstance(value, str) else ascii(str(value))
    return text if len(text) <= 80 else text[:77] + "..."


def type_name(value: Any) -> str:
    """The word for a value's type that a user would use."""
    found = (name for name in TYPES if has_type(value, name))
    return next(found, type(value).__name__)


def has_type(value: Any, kind: str) -> bool:
    """True for a value of a type of the specification; a boolean is no number."""
    if isinstance(value, bool):
        return kind == "bool"
    return isinstance(value, TYPES[kind])
