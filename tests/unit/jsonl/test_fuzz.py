"""No bytes make the validator raise, and both parsers say the same of them."""

from __future__ import annotations

from pathlib import Path

from stagegate.jsonl.model import KINDS
from tests.fuzz.jsonl import run_fuzz

INPUTS = 20_000


def test_damaged_files_have_verdicts(tmp_path: Path) -> None:
    found = run_fuzz(INPUTS, 20_251_126, tmp_path / "fuzz.jsonl")
    never = {"unknown_kind", "schema", "changed"}
    assert set(found) == {*KINDS, "good"} - never  # a fuzzer that reaches nothing finds nothing
