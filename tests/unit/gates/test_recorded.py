"""A figure that a person wrote down counts while it is young and somebody stands for it."""

from __future__ import annotations

import json
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from stagegate.gates.evaluate import Setting
from stagegate.gates.verdict import Result
from tests.unit.gates.helpers import ask, gate, spec_of


def judged(path: Path, said: Any, **more: Any) -> Result:
    """The gate's result when the file holds this: bytes as they are, or JSON."""
    path.write_bytes(said if isinstance(said, bytes) else json.dumps(said).encode())
    source = {"kind": "recorded", "path": str(path), "not_older_than": "1h", **more}
    raw = gate(source, samples=None, unit="%", limit=95, direction="at_least")
    return ask(spec_of(raw), Setting("1.1"))[0]


def told(**more: Any) -> dict[str, Any]:
    kept = {"value": 97.5, "at": time.time() - 60, "by": "QA lead", **more}
    return {key: value for key, value in kept.items() if value is not None}


def test_a_record_is_judged_and_names_who_stands_for_it(tmp_path: Path) -> None:
    path = tmp_path / "quality.json"
    at = datetime.now(timezone.utc).isoformat()
    result = judged(path, told(at=at))
    assert (result.verdict, result.measured.value) == ("green", 97.5)
    assert result.reason == f"97.5 % keeps the target 95 %; recorded by QA lead at {at}"
    assert judged(path, told(value=90)).verdict == "red"
    assert judged(path, told(version="1.1")).verdict == "green"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (told(by=None), "does not say by whom"),
        (told(by=" "), "does not say by whom"),
        (told(by=7), "does not say by whom"),
        (told(at=None), "stale"),
        (told(at="yesterday"), "stale"),
        (told(at=time.time() - 7200), "stale"),
        (told(at=time.time() + 3600), "stale"),
        (told(value=None), "has no value"),
        (told(value="97"), "a str is no number"),
        (told(value=True), "a bool is no number"),
        (told(version="1.0"), "recorded of release 1.0, not 1.1"),
        (b"", "not JSON"),
        (b'{"value": NaN}', "not JSON"),
        (b"[97.5]", "holds no record"),
        (b'{"value": 97.5' + b" " * 70000 + b"}", "holds no record"),
        (b"\xff\xfe", "not JSON"),
    ],
)
def test_what_is_no_record_is_unknown(tmp_path: Path, said: Any, reason: str) -> None:
    result = judged(tmp_path / "quality.json", said)
    assert (result.verdict, reason in result.reason) == ("unknown", True), result.reason


def test_a_record_is_no_link_to_another_file(tmp_path: Path) -> None:
    other, path = tmp_path / "other.json", tmp_path / "quality.json"
    other.write_text(json.dumps(told()))
    path.symlink_to(other)
    source = {"kind": "recorded", "path": str(path), "not_older_than": "1h"}
    result = ask(spec_of(gate(source, samples=None, unit="%", limit=99)))[0]
    assert (result.verdict, "nothing is recorded" in result.reason) == ("unknown", True)
