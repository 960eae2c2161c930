"""The scenario table of sign-offs: who has signed what, and whether a deployment may begin."""

from __future__ import annotations

import json
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from stagegate.ledger import read_ledger
from tests.integration.story.stage import HOSTS, Stage

LEAD = {"role": "QA lead", "text": "the release was tested in staging", "lines": ["L-1"]}
SUPPORT = {"role": "Support", "for": "report", "text": "no user has complained"}
GATE = {"name": "p99", "unit": "ms", "limit": 100}
NOUNS: dict[str, Any] = {
    "gates": [GATE],
    "sign_offs": [LEAD, SUPPORT],
    "checklist": [
        {"id": "L-1", "text": "Tested", "proof": "attest:QA lead"},
        {"id": "L-2", "text": "No complaints", "proof": "attest:Support"},
    ],
}
SIGN = "playbooks/sign.yml"
AS_LEAD = "-e \"sign_as='QA lead'\""
BY_NAME = "-e \"sign_name='Ada Lovelace'\""
WANTED = "-e release_version=1.1"


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    stage = Stage(tmp_path_factory.mktemp("first"), nouns={"gates": [GATE]})
    assert stage.run("-e release_version=1.0") == 0, stage.said()
    return stage


@pytest.fixture
def deployed(first: Stage, tmp_path: Path) -> Stage:
    """Three hosts with 1.0 live, of a system that from now on asks for words."""
    home = tmp_path / "stage"
    shutil.copytree(first.home, home, ignore=shutil.ignore_patterns("runner"))
    return Stage(home, nouns=NOUNS)


@pytest.fixture(scope="module")
def kept(first: Stage, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same after the QA lead has signed the plan for 1.1 at a terminal, and its copy."""
    home = tmp_path_factory.mktemp("kept") / "stage"
    shutil.copytree(first.home, home, ignore=shutil.ignore_patterns("runner"))
    stage = Stage(home, nouns=NOUNS)
    answers = {"Your name, to sign as QA lead.*": "Ada Lovelace", "Type yes.*": "yes"}
    assert stage.run(WANTED, AS_LEAD, playbook=SIGN, answers=answers) == 0, stage.said()
    assert "way back" in stage.said()
    shutil.copytree(home, home.with_name("copy"), ignore=shutil.ignore_patterns("runner"))
    return home


@pytest.fixture
def signed(kept: Path) -> Stage:
    """The signed plan in its own place: the folders of the hosts are a part of it."""
    shutil.rmtree(kept)
    shutil.copytree(kept.with_name("copy"), kept)
    return Stage(kept, nouns=json.loads(json.dumps(NOUNS)))


def words(stage: Stage) -> list[Path]:
    return sorted((stage.home / "sign_offs").rglob("*.json"))


def ledgers(stage: Stage) -> dict[Path, bytes]:
    return {p: p.read_bytes() for p in stage.home.rglob("ledger.jsonl")}


def assert_refused(stage: Stage, *said: str) -> None:
    """Nothing was begun anywhere, and the next command is told."""
    before = ledgers(stage)
    assert stage.run(WANTED) != 0
    for text in (*said, "playbooks/sign.yml", "sign_as='QA lead'"):
        assert text in stage.said()
    assert ledgers(stage) == before
    assert stage.locked() == []
    assert set(stage.live().values()) == {"1.0"}


def test_a_signed_plan_is_deployed_and_the_word_is_in_ledger_record_and_report(
    signed: Stage,
) -> None:
    assert signed.run(WANTED) == 0, signed.said()
    assert set(signed.live().values()) == {"1.1"}
    (place,) = words(signed)
    for host in HOSTS:
        entries = read_ledger(signed.home / host / "state/demo/ledger.jsonl").entries
        opened = [e for e in entries if (e.phase, e.step) == ("preflight", "open")][-1]
        (word,) = opened.state["sign_offs"]
        assert (word["name"], word["role"]) == ("Ada Lovelace", "QA lead")
        assert word["digest"] == opened.state["plan_digest"] == place.parent.name
    record = signed.record()
    assert [(w["role"], w["name"], w["verdict"]) for w in record["sign_offs"]] == [
        ("QA lead", "Ada Lovelace", "green"),
        ("Support", "", "attest"),
    ]
    lines = {line["id"]: line for line in record["checklist"]}
    assert lines["L-1"]["verdict"] == "green"
    assert "Ada Lovelace" in lines["L-1"]["evidence"]
    assert record["plan_digest"][:12] in lines["L-1"]["evidence"]
    assert lines["L-2"]["verdict"] == "attest"
    assert f'-e run={record["run"]} -e "sign_as=Support"' in record["message"]["next"]


def test_signing_changes_no_host_and_a_second_time_says_so(signed: Stage) -> None:
    (before,) = words(signed)
    assert before.stat().st_mode & 0o777 == 0o600
    assert signed.run(WANTED, AS_LEAD, BY_NAME, playbook=SIGN) == 0, signed.said()
    assert words(signed) == [before]
    assert "had already signed" in json.dumps(signed.events, default=str)
    assert signed.locked() == []
    assert {a for h in HOSTS for a in signed.acts(h) if not a.startswith("preflight.")} == set()


def test_an_unsigned_plan_is_refused_and_nothing_is_touched(deployed: Stage) -> None:
    assert_refused(deployed, "nobody has signed as QA lead")


def test_a_gate_that_changed_after_the_word_is_named(signed: Stage) -> None:
    signed.nouns["gates"][0]["limit"] = 5000
    assert_refused(signed, "QA lead (Ada Lovelace) signed another plan", "gates (p99)")


def test_a_window_that_is_shortened_on_the_command_line_is_named(signed: Stage) -> None:
    assert signed.run(WANTED, "-e observe_window_scale=0.01") != 0
    assert "observe window scale" in signed.said()


def test_another_release_than_the_signed_one_is_refused(signed: Stage) -> None:
    assert signed.run("-e release_version=2.0") != 0
    assert "signed another plan" in signed.said()
    assert "release (version)" in signed.said()


def test_a_word_that_expired_is_refused(signed: Stage) -> None:
    redate(signed, hours=-25)
    assert_refused(signed, "expired")


def test_a_word_from_the_future_is_refused(signed: Stage) -> None:
    redate(signed, hours=1)
    assert_refused(signed, "a clock is wrong")


def redate(stage: Stage, hours: float) -> None:
    """Move the kept word in time; its digest is of the plan, and does not hold its date."""
    (place,) = words(stage)
    word = json.loads(place.read_text())
    for key in ("at", "expires"):
        word[key] = (datetime.fromisoformat(word[key]) + timedelta(hours=hours)).isoformat()
    place.write_text(json.dumps(word))


def test_a_word_that_was_altered_proves_nothing(signed: Stage) -> None:
    (place,) = words(signed)
    place.write_bytes(place.read_bytes()[:-40])
    assert_refused(signed, "nobody has signed as QA lead", "not readable")


GIVEN = '-e \'{"signed": {"QA lead": "Ada Lovelace"}}\''


def test_a_word_by_variable_is_recorded_with_the_operator(deployed: Stage) -> None:
    assert deployed.run(WANTED, GIVEN) == 0, deployed.said()
    word = deployed.record()["sign_offs"][0]
    assert (word["role"], word["given"]) == ("QA lead", "variable")
    assert word["operator"]
    assert word["controller"]


def test_a_word_in_a_file_counts_as_the_kept_one_does(signed: Stage, tmp_path: Path) -> None:
    (place,) = words(signed)
    moved = tmp_path / "word.json"
    place.rename(moved)
    assert signed.run(WANTED, f"-e sign_offs_file={moved}") == 0, signed.said()
    assert signed.record()["sign_offs"][0]["name"] == "Ada Lovelace"


NOT_TAKEN = [
    # what was typed -> what was answered, and what is said of it
    (["-e sign_as=QA"], {}, "nobody is asked to sign before a deployment as 'QA'"),
    (["-e 'sign_as=QA lead'"], {}, "belongs to no variable"),
    (["-e sign_as=Support"], {}, "nobody is asked to sign before a deployment as 'Support'"),
    ([AS_LEAD], {"Your name.*": ""}, "the name of who signs is missing"),
    ([AS_LEAD], {"Your name.*": "Ada", "Type yes.*": "no"}, "Ada did not agree"),
    ([AS_LEAD, f"-e sign_name={'A' * 101}"], {}, "more than 100"),
]


@pytest.mark.parametrize(("arguments", "answers", "said"), NOT_TAKEN)
def test_what_is_no_word_is_not_kept(
    deployed: Stage, arguments: list[str], answers: dict[str, str], said: str
) -> None:
    assert deployed.run(WANTED, *arguments, playbook=SIGN, answers=answers) != 0
    assert said in deployed.said()
    assert words(deployed) == []


def test_a_preflight_alone_and_a_dry_run_only_warn(deployed: Stage) -> None:
    for arguments, playbook in (("", "playbooks/preflight.yml"), ("--check", "deploy.yml")):
        assert deployed.run(WANTED, arguments, playbook=playbook) == 0, deployed.said()
        assert "it would be refused: the plan is not signed" in deployed.said()
    assert deployed.locked() == []


def test_going_back_asks_nobody(signed: Stage) -> None:
    assert signed.run(WANTED) == 0, signed.said()
    shutil.rmtree(signed.home / "sign_offs")
    assert signed.run("--tags rollback") == 0, signed.said()
    assert set(signed.live().values()) == {"1.0"}


def test_a_word_on_a_run_is_added_to_its_ledger_and_its_report(signed: Stage) -> None:
    assert signed.run(WANTED) == 0, signed.said()
    record = signed.record()
    folder = signed.home / "artifacts" / record["run"]
    before = (folder / "record.json").read_bytes()
    word = f"-e run={record['run']} -e sign_as=Support -e \"sign_name='Grace Hopper'\""
    for _ in range(2):
        assert signed.run(word, playbook=SIGN) == 0, signed.said()
    for host in HOSTS:
        entries = read_ledger(signed.home / host / "state/demo/ledger.jsonl").entries
        (told,) = [e.evidence["attestation"] for e in entries if e.phase == "attest"]
        assert (told["name"], told["digest"]) == ("Grace Hopper", record["plan_digest"])
    after = json.loads((folder / "record.json").read_text())
    assert {line["id"]: line["verdict"] for line in after["checklist"]} == {
        "L-1": "green",
        "L-2": "green",
    }
    assert after["message"]["next"].startswith("nothing to do")
    assert "Grace Hopper" in (folder / "report.md").read_text()
    assert "Grace Hopper" in (folder / "report.html").read_text()
    (old,) = folder.glob("record-before-*.json")
    assert old.read_bytes() == before


def test_no_word_is_taken_on_a_run_that_never_was(deployed: Stage) -> None:
    for run in ("20200101T000000Z-dead", "../../etc"):
        word = f"-e run={run} -e sign_as=Support -e sign_name=Grace"
        assert deployed.run(word, playbook=SIGN) != 0
    assert [a for h in HOSTS for a in deployed.acts(h)] == []
