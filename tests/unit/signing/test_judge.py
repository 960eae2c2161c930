"""A word counts for one plan, of one role, between its moment and its end, and for nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from stagegate.errors import BadInput
from stagegate.signing.judge import judge, refusal
from stagegate.signing.model import Wanted, faults, make_sign_off, read_sign_off, wanted_for

LEAD = Wanted("QA lead", "deploy", 24 * 3600.0, "tested")
SUPPORT = Wanted("Support", "report", 24 * 3600.0)
PARTS = {"system": "demo", "gates": {"p99": "sha256:1"}}
OTHER = {"system": "demo", "gates": {"p99": "sha256:2"}}
WHO = {"operator": "ada", "controller": "deploy1", "given": "terminal"}
AT = "2026-11-26T10:00:00.000000+00:00"
WORD = make_sign_off(LEAD, "Ada Lovelace", PARTS, WHO, AT)

MOMENTS = [
    # now -> why it does not count; empty when it does
    ("2026-11-26T10:00:00.000000+00:00", ""),
    ("2026-11-27T09:59:59.999999+00:00", ""),
    ("2026-11-27T11:00:00.000000+02:00", ""),
    ("2026-11-27T10:00:00.000000+00:00", "expired on 2026-11-27 at 10:00:00 UTC"),
    ("2026-11-26T09:59:59.999999+00:00", "still to come"),
    ("2020-01-01T00:00:00.000000+00:00", "still to come"),
]


@pytest.mark.parametrize(("now", "why"), MOMENTS)
def test_a_word_counts_from_its_moment_to_its_end(now: str, why: str) -> None:
    judged = judge([LEAD, SUPPORT], [WORD], PARTS, now)
    assert [bool(judged.given), bool(judged.missing)] == [not why, bool(why)]
    assert why in "".join(m.reason for m in judged.missing)


def test_a_word_for_another_plan_tells_what_changed_since() -> None:
    (missing,) = judge([LEAD], [WORD], OTHER, AT).missing
    assert missing.reason == (
        "QA lead (Ada Lovelace) signed another plan on 2026-11-26 at 10:00:00 UTC; "
        "changed since: gates (p99)"
    )
    refused = refusal([missing], [], "prod", "1.1")
    assert refused.code == 12
    assert refused.next == (
        "ansible-playbook playbooks/sign.yml -i prod -e release_version=1.1 "
        "-e \"sign_as='QA lead'\""
    )


def test_of_several_words_the_last_that_counts_is_taken() -> None:
    early = make_sign_off(LEAD, "Early", PARTS, WHO, "2026-11-26T09:00:00+00:00")
    other = make_sign_off(LEAD, "Other", OTHER, WHO, "2026-11-26T09:30:00+00:00")
    (given,) = judge([LEAD], [early, other, WORD], PARTS, AT).given
    assert given.name == "Ada Lovelace"
    (given,) = judge([LEAD], [early, other], PARTS, AT).given
    assert given.name == "Early"


def test_a_word_cannot_lengthen_its_own_life() -> None:
    longer = replace(WORD, expires="2099-01-01T00:00:00+00:00")
    assert judge([LEAD], [longer], PARTS, "2026-11-28T00:00:00+00:00").given == ()


def test_a_word_of_another_role_is_none() -> None:
    (missing,) = judge([LEAD], [replace(WORD, role="intern")], PARTS, AT).missing
    assert (missing.reason, missing.code) == ("nobody has signed as QA lead", 10)


NAMES = [
    ("Ada Lovelace", ""),
    ("  Ada  ", ""),
    ("Łukasz Gödel-Ño", ""),
    ("<b>Ada</b>", ""),  # shown as text wherever it stands
    ("", "is missing"),
    ("   ", "is missing"),
    (None, "is missing"),
    (["Ada"], "is missing"),
    ("7", "is no name"),
    ("{{ lookup('pipe', 'id') }}", "is no name"),
    ("Ada\nLovelace", "control or a hidden character"),
    ("Ada\x1b[2J", "control or a hidden character"),
    ("Ada\u202egpj", "control or a hidden character"),
    ("Ada\u200b", "control or a hidden character"),
    ("A" * 101, "more than 100"),
]


@pytest.mark.parametrize(("name", "why"), NAMES)
def test_a_name_is_one_line_of_visible_text(name: object, why: str) -> None:
    if not why:
        assert make_sign_off(LEAD, name, PARTS, WHO, AT).name == str(name).strip()
        return
    with pytest.raises(BadInput, match=why) as caught:
        make_sign_off(LEAD, name, PARTS, WHO, AT)
    assert caught.value.what.isprintable()


def kept(**more: Any) -> dict[str, Any]:
    return {**WORD.brief(), "parts": PARTS, **more}


DAMAGED = [
    (None, "no object"),
    ([], "no object"),
    ({}, "no usable role"),
    ({k: v for k, v in kept().items() if k != "parts"}, "no usable parts"),
    (kept(role=7), "no usable role"),
    (kept(text="x" * 5000), "no usable text"),
    (kept(lines="S3-001"), "no usable lines"),
    (kept(name="Ada\x1b[2J"), "hidden character"),
    (kept(at="yesterday"), "no moment"),
    (kept(at="2026-11-26T10:00:00"), "has no zone"),
    (kept(expires="2026-11-26T09:00:00+00:00"), "expires before"),
    (kept(parts=OTHER), "it was altered"),
    (kept(digest="0" * 64), "it was altered"),
]


@pytest.mark.parametrize(("value", "why"), DAMAGED)
def test_what_was_altered_is_no_word(value: object, why: str) -> None:
    with pytest.raises(BadInput, match=why):
        read_sign_off(value)


def test_a_kept_word_is_read_as_it_was_given() -> None:
    assert read_sign_off(kept()) == WORD


def test_a_role_is_told_by_its_nearest_name() -> None:
    assert wanted_for([LEAD, SUPPORT], "QA lead", "deploy") is LEAD
    with pytest.raises(BadInput, match=r"did you mean QA lead\?"):
        wanted_for([LEAD, SUPPORT], "QA laed", "deploy")
    with pytest.raises(BadInput, match="asked to sign before a deployment as 'Support'"):
        wanted_for([LEAD, SUPPORT], "Support", "deploy")


LINE = {"id": "L-1", "text": "Tested", "proof": ["smoke:t01", "attest:QA lead"]}
WRONG = [
    ([{"role": "QA lead"}], [LINE], []),
    ([], [{**LINE, "proof": "attest:anybody"}], []),
    ([{"role": "QA lead"}, {"role": "QA lead", "for": "report"}], [LINE], []),
    ([{"role": "QA lead"}, {"role": "qa LEAD", "for": "deploy"}], [LINE], ["stands twice"]),
    ([{"role": "QA lead", "lines": ["L-2"]}], [LINE], ["sign_offs[0].lines: no line 'L-2'"]),
    ([{"role": "QA leader"}], [LINE], ["L-1.proof: no role 'QA lead'; did you mean QA leader?"]),
]


@pytest.mark.parametrize(("sign_offs", "lines", "said"), WRONG)
def test_sign_offs_and_checklist_must_fit(
    sign_offs: list[dict[str, Any]], lines: list[dict[str, Any]], said: list[str]
) -> None:
    found = [str(problem) for problem in faults(sign_offs, lines)]
    assert len(found) == len(said)
    assert all(words in problem for words, problem in zip(said, found))
