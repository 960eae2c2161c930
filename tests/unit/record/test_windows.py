"""The report of a deployment goes on being written while its windows last."""

from __future__ import annotations

import pytest

from stagegate.record.build import build_record
from stagegate.record.html import to_html
from stagegate.record.markdown import to_markdown
from tests.unit.record.made import RUN, Ledger

WINDOW = {"name": "A <day>", "begins": 86400.0, "ends": 172800.0, "every": 3600.0, "gates": ["p99"]}
GATES = [{"name": "p99", "unit": "ms", "target": 50, "limit": 100}]


def begun(scale=1.0):
    ledger = Ledger("h1").begin()
    ledger.step("release", "stage").step("restart", "activate_release").step("restart", "start")
    told = {"windows": [WINDOW], "scale": scale, "version": "1.1"}
    return ledger.write("observed", "observe", "begin", told).end("deployed")


def look(ledger, verdict="green", actual=12.5):
    gate = {"verdict": verdict, "actual": actual, "unit": "ms", "target": 50, "limit": 100}
    evidence = {"at": 1.0, "gates": {"p99": gate}, "instances": {"api": "i1"}}
    return ledger.write("observed", "observe", "look:a_day", {}, evidence)


def judged(ledger, verdict, reason, **more):
    gate = {"name": "p99", "verdict": verdict, "unit": "ms", "target": 50, "limit": 100}
    told = {"verdict": verdict, "reason": reason, "covered": 0.5, "gates": [{**gate, "actual": 99}]}
    if verdict in ("green", "amber"):
        return ledger.step("observe", "a_day", evidence={**told, **more})
    code = 21 if verdict == "red" else 22
    words = f"the window A <day> is {verdict} on h1: {reason}"
    return ledger.fail("observe", "a_day", words, evidence={**told, **more}, code=code)


def record_of(ledger):
    meta = {"run": RUN, "system": "demo", "kind": "deploy", "release": {"from": "1.0", "to": "1.1"}}
    return build_record({"h1": ledger.entries}, {**meta, "hosts": ["h1"], "gates": GATES})


def test_a_window_is_pending_until_somebody_looks_and_then_watched() -> None:
    host = record_of(begun())["hosts"]["h1"]
    assert (host["windows"][0]["verdict"], host["windows"][0]["looks"]) == ("pending", 0)
    assert host["validation"] == [
        {
            "metric": "p99",
            "window": "A <day>",
            "actual": None,
            "status": "pending",
            "reason": "",
            "target": 50,
            "limit": 100,
            "unit": "ms",
        }
    ]
    seen = record_of(look(begun()))["hosts"]["h1"]
    assert (seen["windows"][0]["verdict"], seen["windows"][0]["looks"]) == ("watched", 1)
    assert (seen["validation"][0]["status"], seen["validation"][0]["actual"]) == ("watched", 12.5)


def test_its_times_are_those_of_the_host_and_of_its_scale() -> None:
    whole = record_of(begun())["hosts"]["h1"]["windows"][0]
    short = record_of(begun(0.001))["hosts"]["h1"]["windows"][0]
    assert (whole["from"], whole["to"]) == ("2026-11-23T07:30:03Z", "2026-11-24T07:30:03Z")
    assert (short["from"], short["to"]) == ("2026-11-22T07:31:29Z", "2026-11-22T07:32:55Z")


@pytest.mark.parametrize(
    ("verdict", "code"), [("green", 0), ("amber", 0), ("unknown", 22), ("red", 21)]
)
def test_a_window_that_does_not_pass_is_told_first_and_the_release_stays_named(
    verdict: str, code: int
) -> None:
    record = record_of(judged(look(begun()), verdict, "it is so"))
    assert (record["verdict"], record["exit"]) == ("deployed", code)
    assert ("it is so" in record["message"]["what"]) == (code != 0)
    assert ("rollback.yml" in record["message"]["next"]) == (code != 0)
    assert record["hosts"]["h1"]["validation"][0]["status"] == verdict


LINES = [
    {"id": "A", "text": "t", "proof": "window:A <day>"},
    {"id": "B", "text": "t", "proof": "window:A <day>/p99"},
    {"id": "C", "text": "t", "proof": "window:another"},
]


@pytest.mark.parametrize(
    ("verdict", "shown"),
    [
        ("green", "green"),
        ("amber", "amber"),
        ("unknown", "pending"),
        ("red", "red"),
        ("", "pending"),
    ],
)
def test_a_line_of_the_checklist_is_what_its_window_proved(verdict: str, shown: str) -> None:
    ledger = judged(look(begun()), verdict, "it is so") if verdict else look(begun())
    meta = {"run": RUN, "system": "demo", "kind": "deploy", "hosts": ["h1"], "gates": GATES}
    lines = build_record({"h1": ledger.entries}, meta, checklist=LINES)["checklist"]
    assert [line["verdict"] for line in lines] == [shown, shown, "pending"]


def test_what_went_back_because_of_a_window_says_which() -> None:
    ledger = judged(look(begun()), "red", "gate p99: 99 ms is above the limit")
    ledger.write("observed", "rollback", "reopen", {"way_back": {"name": "R2", "reason": "r"}})
    ledger.step("rollback", "hold").step("rollback", "start").end("restored")
    record = record_of(ledger)
    assert record["verdict"] == "restored"
    assert "A <day> is red on h1: gate p99" in record["message"]["what"]


def test_both_reports_show_windows_and_validation_and_no_markup_of_theirs() -> None:
    gap = [1_795_000_000.0, 1_795_003_600.0]
    record = record_of(judged(look(begun()), "unknown", "only 50% of it was seen", gaps=[gap]))
    page, text = to_html(record), to_markdown(record)
    assert "<day>" not in page
    assert "A &lt;day&gt;" in page
    for words in ("Windows", "Validation", "2026-11-18T11:06:40Z to 2026-11-18T12:06:40Z", "50%"):
        assert words in page
        assert words in text


def test_a_hostile_ledger_breaks_no_report() -> None:
    ledger = begun()
    ledger.entries[-2]["state"]["windows"] = [None, 3, {"name": 7, "gates": 5, "begins": "x"}]
    host = record_of(ledger)["hosts"]["h1"]
    assert [w["verdict"] for w in host["windows"]] == ["pending"] * 3
    assert "<html" in to_html(record_of(ledger))
