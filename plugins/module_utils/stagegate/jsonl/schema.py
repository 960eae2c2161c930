"""JSON Schema for records, by the library `jsonschema` where a host has it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from ..errors import Refused

Complaint = Callable[[Any], str]
"""Why a record does not match; an empty text when it does."""

LONGEST_COMPLAINT = 200


def schema_problems(schema: object) -> list[tuple[str, str]]:
    """The place and reason of everything that would fail only when a record is judged.

    References lead to places in the same schema only: nothing is fetched while a file is read.
    """
    if not isinstance(schema, Mapping):
        return [("", f"must be a mapping, not {type(schema).__name__}")]
    problems = []
    for place, key, value in entries(schema):
        if key in ("$ref", "$dynamicRef") and isinstance(value, str):
            if not leads_somewhere(schema, value):
                problems.append((place, f"{value!r:.60} leads to no place in this schema"))
        elif key == "pattern" and isinstance(value, str):
            problems += [(place, words) for words in pattern_problem(value)]
        elif key == "patternProperties" and isinstance(value, Mapping):
            problems += [(place, w) for name in value for w in pattern_problem(str(name))]
    return problems


def entries(value: object, place: str = "") -> Iterator[tuple[str, str, object]]:
    """Every key in a schema with its path and its value."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield f"{place}.{key}", str(key), inner
            yield from entries(inner, f"{place}.{key}")
    elif isinstance(value, (list, tuple)):
        for number, inner in enumerate(value):
            yield from entries(inner, f"{place}[{number}]")


def leads_somewhere(schema: Mapping[str, Any], reference: str) -> bool:
    """True for a JSON pointer (#, #/a/b) to a schema inside this one."""
    if reference != "#" and not reference.startswith("#/"):
        return False
    found: Any = schema
    for step in unquote(reference[2:]).split("/") if reference != "#" else []:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, Mapping) and name in found:
            found = found[name]
        elif isinstance(found, Sequence) and name.isdecimal() and int(name) < len(found):
            found = found[int(name)]
        else:
            return False
    return isinstance(found, (Mapping, bool))


def pattern_problem(pattern: str) -> list[str]:
    """Why a pattern cannot be used, if it cannot."""
    try:
        re.compile(pattern)
    except re.error as error:
        return [f"{pattern!r:.60} is no regular expression: {error}"]
    return []


def complaint_of(schema: Mapping[str, Any], name: str) -> Complaint:
    """A judge of records by a schema. Raises Refused where the schema or the library is no use."""
    library = read_library(name)
    judge = library.validators.validator_for(schema, default=library.Draft7Validator)
    try:
        judge.check_schema(schema)
    except library.SchemaError as error:
        place = ".".join(str(step) for step in error.absolute_path)
        raise Refused(
            f"the schema of the record kind {name} is no JSON Schema: "
            f"{place or 'its top'}: {ascii(error.message)[1:LONGEST_COMPLAINT]}",
            now="nothing was read",
            untouched="every file",
            next="correct the schema and run the same command again",
        ) from error
    ready = judge(schema)

    def complain(record: Any) -> str:
        try:
            error = next(ready.iter_errors(record), None)
        except ArithmeticError as reason:
            return f"a number cannot be judged by this schema: {reason}"
        if error is None:
            return ""
        place = "/".join(str(step) for step in error.absolute_path)
        told = ascii(error.message)[1:-1]
        short = told if len(told) <= LONGEST_COMPLAINT else told[: LONGEST_COMPLAINT - 3] + "..."
        return f"{ascii(place)[1:-1][:80]}: {short}" if place else short

    return complain


def read_library(name: str) -> Any:
    """The library; raises Refused where the host has none."""
    try:
        import jsonschema  # type: ignore[import-untyped,unused-ignore]
    except ImportError as error:
        raise Refused(
            f"the record kind {name} has a schema, but this host has no library to judge by it",
            now="nothing was read",
            untouched="every file",
            next="install the Debian package python3-jsonschema on the host, "
            "or take the schema out of the kind",
        ) from error
    return jsonschema
