"""A release without a way down goes back for nothing until it was used, then for its price."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

from stagegate.places import tag
from tests.scenario import Outcome, smoke_counts
from tests.scenario.deployment import ROOT
from tests.scenario.fleet import (
    DATA,
    DOOR,
    SERVING,
    SMOKE_TESTS,
    WITHOUT_GATES,
    Fleet,
    closed_window,
    moment,
    state_of,
    verdicts,
)

pytest_plugins = ["tests.scenario.fixtures"]

SUITE = "tests/smoke/sparkle"
NO_RETURN = "going back from 1.3 to 1.1 loses what users write"
# Added to the suite's conftest.py: as many tests as ever, and this release passes none of them.
NEVER = """

@pytest.fixture(autouse=True)
def never(place: Place) -> None:
    assert place.release != "1.3", "not this one"
"""


def smoke_that_fails(folder: Path) -> tuple[str, str]:
    """What makes a deployment use a smoke suite that 1.3 does not pass, and 1.1 does."""
    shutil.copytree(ROOT / SUITE, folder / SUITE, ignore=shutil.ignore_patterns("__pycache__"))
    with (folder / SUITE / "conftest.py").open("a", encoding="utf-8") as conftest:
        conftest.write(NEVER)
    return ("-e", f"smoke_root={folder}")


def test_before_anyone_is_admitted_it_goes_back_by_name(fleet: Fleet, tmp_path: Path) -> None:
    with fleet.users() as users:
        outcome = fleet.deploy("1.3", *WITHOUT_GATES, *smoke_that_fails(tmp_path))
    assert outcome.rc != 0
    assert (outcome.verdict, outcome.record["exit"]) == ("restored", 21), str(outcome)
    assert set(verdicts(outcome).values()) == {"restored"}, str(outcome)
    for name in SERVING:
        assert outcome.steps(name, "failed") == ["smoke.smoke"], str(outcome)
        assert smoke_counts(outcome, name) == (SMOKE_TESTS, SMOKE_TESTS), str(outcome)
    assert NO_RETURN not in " ".join(outcome.said.split())
    assert fleet.hosts[DATA].way_back(outcome) == "R1"
    kept = state_of(outcome, DATA, "rollback.restore:history")["kept"]
    assert kept == f"sparkle_failed_{tag(outcome.run)}"
    assert kept in fleet.databases()
    assert users.failed_outside(*closed_window(outcome, "quiesce", "rollback")) == {}
    assert not users.lost()
    assert fleet.revision() == "p2_add_user_tool_history"
    fleet.assert_invariants("1.1")


def test_once_it_was_used_it_goes_back_only_for_the_exact_price(
    fleet: Fleet, tmp_path: Path
) -> None:
    with fleet.users() as users:
        deployed = fleet.deploy("1.3", *WITHOUT_GATES)
        assert deployed.rc == 0, str(deployed)
        users.wait_for(100)
    assert_warned_before_the_first_door_opened(deployed)
    assert users.failed_outside(*closed_window(deployed, "quiesce", "admit")) == {}
    assert not users.lost()
    assert fleet.revision() == "p4_normalise_messages"
    fleet.assert_invariants("1.3")

    refused = fleet.roll_back()
    assert_fenced(fleet, refused)
    price = price_of(refused)
    assert f"would lose {price} rows" in refused.what, str(refused)

    wrong = fleet.roll_back("-e", f"accept_data_loss={price + 1}")
    assert_fenced(fleet, wrong)
    assert f"not {price + 1} as accept_data_loss says" in wrong.what, str(wrong)
    assert price_of(wrong) == price

    accepted = fleet.roll_back("-e", f"accept_data_loss={price}")
    assert accepted.rc == 0, str(accepted)
    assert accepted.verdict == "restored", str(accepted)
    assert fleet.hosts[DATA].way_back(accepted) == "R4"
    assert state_of(accepted, DATA, "rollback.restore:history")["lost_rows"] == price
    assert f"sparkle_failed_{tag(deployed.run)}" in fleet.databases()
    assert fleet.revision() == "p2_add_user_tool_history"
    fleet.assert_invariants("1.1")

    delta = tmp_path / "delta.jsonl"
    exported = state_of(refused, DATA, "rollback.delta:history")["file"]
    delta.write_text(fleet.hosts[DATA].read(exported), encoding="utf-8")
    assert len(delta.read_text(encoding="utf-8").splitlines()) == price
    missing = users.keys() - {key for (key,) in fleet.query("SELECT key FROM messages")}
    assert missing, "the former data cannot hold what was given up"
    assert {key for key in messages_in(delta) if key.startswith("load-")} == missing
    assert users.lost()
    assert not users.lost(accepted=delta)


def assert_warned_before_the_first_door_opened(deployed: Outcome) -> None:
    """That the automatic way back ends is said, and stands in the ledger, while doors are shut."""
    assert NO_RETURN in " ".join(deployed.said.split()), str(deployed)
    warned = moment(deployed, DATA, "admit.no_return", "observed")
    for name in SERVING:
        assert warned < moment(deployed, DOOR, f"admit.open:{name}", "intent"), name


def assert_fenced(fleet: Fleet, outcome: Outcome) -> None:
    """Nothing serves, nothing can start, no door is open: a person is waited for."""
    assert outcome.rc != 0
    assert (outcome.verdict, outcome.record["exit"]) == ("fenced", 30), str(outcome)
    for name in SERVING:
        fleet.assert_held(name)
    assert fleet.hosts[DATA].locked()
    assert fleet.servers() == dict.fromkeys(SERVING, "MAINT")


def price_of(outcome: Outcome) -> int:
    """The number of rows that the message asks to accept."""
    asked = re.search(r"accept_data_loss=(\d+)$", outcome.record["message"]["next"])
    assert asked, str(outcome)
    return int(asked[1])


def messages_in(delta: Path) -> set[str]:
    """The keys of the messages that an export holds."""
    lines = [json.loads(line) for line in delta.read_text(encoding="utf-8").splitlines()]
    added = [line["row"] for line in lines if line["op"] == "added"]
    return {row["key"] for row in added if "key" in row}


def test_the_consent_does_not_outlive_its_run(fleet: Fleet) -> None:
    outcome = fleet.roll_back()
    assert outcome.rc == 0, str(outcome)
    assert "Nothing to do" in outcome.said, str(outcome)
    fleet.assert_invariants("1.1")
