"""Smoke results of one host, read from the JUnit file that its test run left."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree  # doctypes are refused before parsing
from typing import Any

from .text import bounded, number

MOST_BYTES = 5_000_000
MOST_CASES = 5_000
BROKEN = ("failure", "error")


def read_junit(raw: bytes) -> dict[str, Any]:
    """``{tests, passed, failed, skipped, seconds, cases, failures}`` of a JUnit document.

    A case is ``{name, group, outcome: passed|failed|skipped, seconds, message, measured}``;
    ``measured`` is what the test recorded as a property of that name. A document that cannot be
    trusted (a doctype, damaged, too large) gives no case and says why in ``error``.
    """
    if len(raw) > MOST_BYTES:
        return summary([], f"the JUnit file has {len(raw)} bytes, more than {MOST_BYTES}")
    try:
        text = raw.decode()  # in no other encoding could a doctype hide from the next line
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            return summary([], "the JUnit file declares a document type")
        root = ElementTree.fromstring(text)  # noqa: S314  # no doctype, so no entity can expand
    except (ElementTree.ParseError, ValueError) as error:
        return summary([], f"the JUnit file is damaged: {error}")
    cases = [read_case(c) for c in root.iter("testcase")]
    if len(cases) > MOST_CASES:
        return summary([], f"the JUnit file has {len(cases)} cases, more than {MOST_CASES}")
    return summary(without_suffix(cases))


def without_suffix(cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The cases without what pytest put behind every name alike: the host, as in test_a[local]."""
    suffixes = {"".join(c["name"].partition("[")[1:]) for c in cases}
    suffix = suffixes.pop() if len(suffixes) == 1 else ""
    return [{**c, "name": c["name"].removesuffix(suffix)} for c in cases]


def summary(cases: list[dict[str, Any]], error: str = "") -> dict[str, Any]:
    """The counts over the cases."""
    failures = [c for c in cases if c["outcome"] == "failed"]
    counted = {
        "tests": len(cases),
        "passed": sum(c["outcome"] == "passed" for c in cases),
        "failed": len(failures),
        "skipped": sum(c["outcome"] == "skipped" for c in cases),
        "seconds": round(sum(c["seconds"] or 0.0 for c in cases), 6),
        "failures": [{"name": c["name"], "message": c["message"]} for c in failures],
        "cases": cases,
    }
    return {**counted, "error": error} if error else counted


def read_case(case: ElementTree.Element) -> dict[str, Any]:
    """One test case as plain data."""
    trouble = next((e for e in case if e.tag in BROKEN), None)
    skipped = case.find("skipped")
    told = trouble if trouble is not None else skipped
    message = "" if told is None else told.get("message") or (told.text or "").strip()
    outcome = "failed" if trouble is not None else "passed" if skipped is None else "skipped"
    return {
        "name": str(bounded(case.get("name", ""))),
        "group": group_of(case.get("classname", "")),
        "outcome": outcome,
        "seconds": seconds(case.get("time")),
        "message": str(bounded(message)),
        "measured": next(
            (
                p.get("value", "")[:200]
                for p in case.iter("property")
                if p.get("name") == "measured"
            ),
            "",
        ),
    }


def group_of(classname: str) -> str:
    """The category of a test file: tests.smoke.abathur.test_core_operations -> core operations."""
    parts = [p for p in classname.split(".") if p.startswith("test_")]
    return (parts[-1][5:] if parts else classname.rpartition(".")[2]).replace("_", " ")[:80]


def seconds(text: str | None) -> float | None:
    """The figure in a time attribute, None when it is not a plausible one."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if number(value) is not None and 0 <= value < 1e7 else None
