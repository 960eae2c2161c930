"""A word is kept in a file of its own that nothing replaces; a damaged file proves nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from stagegate.errors import BadInput, StepFailed
from stagegate.signing.model import Wanted, make_sign_off
from stagegate.signing.store import read_kept, read_words, slug, standing, write_word

LEAD = Wanted("QA lead", "deploy", 3600.0)
WHO = {"operator": "ada", "controller": "deploy1", "given": "terminal"}
WORD = make_sign_off(LEAD, "Ada", {"system": "demo"}, WHO, "2026-11-26T10:00:00.000000+00:00")


def test_a_word_comes_back_as_it_was_kept_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    place = write_word(tmp_path / "root", "demo", WORD)
    assert place.parent == tmp_path / "root/demo" / WORD.digest
    assert (place.stat().st_mode & 0o777, place.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert read_kept(tmp_path / "root", "demo") == ([WORD], [])
    assert list(place.parent.iterdir()) == [place]


def test_no_file_is_ever_replaced(tmp_path: Path) -> None:
    place = write_word(tmp_path, "demo", WORD)
    before = place.read_bytes()
    with pytest.raises(StepFailed, match="could not be kept"):
        write_word(tmp_path, "demo", replace(WORD, name="Eve"))
    assert place.read_bytes() == before


def test_the_same_word_stands_until_it_expires() -> None:
    for at, found in (("10:30", WORD), ("11:00", None), ("09:00", None)):
        again = replace(WORD, at=f"2026-11-26T{at}:00.000000+00:00")
        assert standing([WORD], again) is found
    assert standing([WORD], replace(WORD, name="Eve")) is None


DAMAGED = [
    (b"", "not readable"),
    (b"{", "not readable"),
    (b"[" * 100_000, "not readable"),
    (b"\xff\xfe", "not readable"),
    (b"7", "no object"),
    (b"{}", "no usable role"),
    (b" " * (5 << 20), "larger than"),
]


@pytest.mark.parametrize(("data", "why"), DAMAGED)
def test_a_damaged_file_proves_nothing_and_takes_nothing_away(
    tmp_path: Path, data: bytes, why: str
) -> None:
    place = write_word(tmp_path, "demo", WORD)
    broken = place.with_name("broken.json")
    broken.write_bytes(data)
    found, damaged = read_kept(tmp_path, "demo")
    assert found == [WORD]
    assert [str(broken) in words and why in words for words in damaged] == [True]
    with pytest.raises(BadInput, match=why):
        read_words(broken)


def test_a_file_that_lies_under_another_plan_is_not_counted(tmp_path: Path) -> None:
    place = write_word(tmp_path, "demo", WORD)
    other = tmp_path / "demo" / ("0" * 64)
    other.mkdir()
    place.rename(other / place.name)
    found, damaged = read_kept(tmp_path, "demo")
    assert found == []
    assert "moved here from another plan" in damaged[0]


def test_a_file_may_hold_several_words(tmp_path: Path) -> None:
    place = write_word(tmp_path, "demo", WORD)
    several = tmp_path / "words.json"
    several.write_text(json.dumps([json.loads(place.read_text())] * 2))
    assert read_words(several) == [WORD, WORD]
    with pytest.raises(BadInput, match="not readable"):
        read_words(tmp_path / "absent.json")


def test_a_full_or_closed_folder_keeps_no_half_of_a_word(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("a file where a folder must be")
    with pytest.raises(StepFailed, match="could not be kept"):
        write_word(tmp_path, "demo", WORD)
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]


def test_two_roles_never_share_a_name() -> None:
    roles = ["QA lead", "qa-lead", "QA (lead)", "Qualität", "質", "質量"]
    assert len({slug(role) for role in roles}) == len(roles)
    assert all(s.isascii() and "/" not in s for s in map(slug, roles))
