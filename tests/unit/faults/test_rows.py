"""A mistake in a row is told with its place and the nearest right name."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.rows import Proof, RowsInvalidError, read_rows

GOOD = """
row: 30
part: hosts
fault: a host does not answer
injected: its port is closed
holds: no host is changed
tests: [tests/unit/faults/test_rows.py::test_a_good_row_is_read]
scenarios: [host_lost]
"""
MISTAKES = [
    (("row: 30", "row: 31"), "the file's name must be 031-short-name.yml"),
    (("row: 30", "row: 51"), "the rows of hosts are 30 to 48, not 51"),
    (("part: hosts", "part: host"), "did you mean hosts?"),
    (("fault:", "fautl:"), "030-gone.yml.fautl: unknown key; did you mean fault?"),
    (("fault:", "fautl:"), "030-gone.yml.fault: is missing"),
    (("holds: no host is changed", "message: no"), "holds: is missing"),
    (("test_a_good_row_is_read]", "test_a_bad_row]"), "tests[0]: there is no test"),
    (("test_rows.py", "test_rose.py"), "tests[0]: there is no test"),
    (("host_lost", "host_found"), "scenarios[0]: there is no scenario 'host_found'"),
    (("[host_lost]", "host_lost"), "scenarios: must be a list of names"),
    (("[host_lost]", "[host_lost, host_lost]"), "scenarios: names something twice"),
    (("[host_lost]", "[]"), "scenarios: must be a list of names"),
    (("scenarios: [host_lost]", "not_injected: cannot"), "has either tests, scenarios or sweeps"),
    (("fault: a", "fault: ["), "is no YAML"),
]


def test_a_good_row_is_read(tmp_path: Path) -> None:
    (tmp_path / "030-gone.yml").write_text(GOOD)
    (row,) = read_rows(tmp_path)
    test = Proof("test", "tests/unit/faults/test_rows.py::test_a_good_row_is_read")
    assert row.proofs == (test, Proof("scenario", "host_lost"))
    assert (row.number, row.part, row.fault) == (30, "hosts", "a host does not answer")


@pytest.mark.parametrize(("change", "words"), MISTAKES)
def test_a_mistake_is_told_with_its_place(
    tmp_path: Path, change: tuple[str, str], words: str
) -> None:
    text = GOOD.replace(*change)
    assert text != GOOD
    (tmp_path / "030-gone.yml").write_text(text)
    with pytest.raises(RowsInvalidError) as told:
        read_rows(tmp_path)
    assert words in str(told.value)


def test_a_number_is_there_once(tmp_path: Path) -> None:
    for name in ("030-gone.yml", "030-lost.yml"):
        (tmp_path / name).write_text(GOOD)
    with pytest.raises(RowsInvalidError, match="row 30 is there 2 times"):
        read_rows(tmp_path)
