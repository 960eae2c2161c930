"""A little of what the fuzzers try with a million inputs: no error but the project's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from stagegate.errors import BadInput
from stagegate.files import read_json
from stagegate.ledger import read_ledger
from tests.fuzz import ledger, parameters
from tests.fuzz.ledger import DEEP

SEED = 20_251_126


def test_a_damaged_ledger_is_refused_or_is_whole(tmp_path: Path) -> None:
    found = ledger.run_fuzz(4000, SEED, tmp_path / "ledger.jsonl")
    assert set(found) == {"whole", "torn", "refused"}


def test_parameters_are_taken_or_refused_in_the_projects_words() -> None:
    found = parameters.run_fuzz(4000, SEED)
    assert set(found) == {"taken", "no parameters", "refused by type", "refused with code 12"}
    assert found["taken"] > 500


@pytest.mark.parametrize("tail", [b"\n", b"\n{}\n"])
def test_a_line_of_brackets_is_no_entry(tail: bytes, tmp_path: Path) -> None:
    place = tmp_path / "ledger.jsonl"
    place.write_bytes(DEEP + tail)
    if tail == b"\n":
        assert read_ledger(place).entries == ()
        return
    with pytest.raises(BadInput, match=r"damaged at line 1: .*nested too deeply"):
        read_ledger(place)


def test_a_file_of_brackets_is_damaged_json(tmp_path: Path) -> None:
    (tmp_path / "deep.json").write_bytes(DEEP)
    with pytest.raises(ValueError, match="nested too deeply"):
        read_json(tmp_path / "deep.json")


def test_a_file_that_is_too_large_is_not_read_whole(tmp_path: Path) -> None:
    with (tmp_path / "large.json").open("wb") as file:
        file.truncate((64 << 20) + 1)
    with pytest.raises(ValueError, match="larger than"):
        read_json(tmp_path / "large.json")
