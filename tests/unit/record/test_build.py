"""The record: the same bytes from the same ledgers, and nothing that a host can blow up."""

from __future__ import annotations

import copy
import json

from stagegate.record.build import build_record, in_order, to_bytes
from stagegate.record.html import to_html
from stagegate.record.junit import read_junit
from stagegate.record.markdown import to_markdown
from tests.unit.record.made import TABLES, Ledger, gate, junit, meta, outcome


def ledgers():
    found = {}
    for host in ("abathur10", "abathur2", "abathur1"):
        ledger = Ledger(host).prepared().switched().step("smoke", "smoke", evidence=outcome())
        ledger.step("gate", "evaluate", evidence={"gates": [gate("query_p99", "green", 71.0)]})
        found[host] = ledger.end("deployed").entries
    return found


def rendered(entries, results):
    record = build_record(entries, meta(hosts=list(entries)), results, LINES)
    return to_bytes(record), to_html(record), to_markdown(record)


LINES = [{"id": "S3-104", "text": "Connects", "proof": "smoke:t01"}]


def test_the_same_ledgers_give_the_same_bytes():
    entries = ledgers()
    results = {host: read_junit(junit()) for host in entries}
    shuffled = {h: list(reversed(copy.deepcopy(entries[h]))) for h in reversed(list(entries))}
    assert rendered(entries, results) == rendered(shuffled, dict(reversed(results.items())))


def test_the_record_can_be_made_again_from_itself():
    entries = ledgers()
    results = {host: read_junit(junit()) for host in entries}
    record = json.loads(to_bytes(build_record(entries, meta(hosts=list(entries)), results, LINES)))
    again = {host: told["entries"] for host, told in record["hosts"].items()}
    assert rendered(again, results)[0] == rendered(entries, results)[0]


def test_hosts_stand_in_the_order_of_their_numbers():
    assert in_order(["web10", "web2", "db1", "web"]) == ["db1", "web", "web2", "web10"]


def test_a_backup_tells_path_size_digest_and_rows_of_each_table():
    record = build_record(ledgers(), meta(hosts=[]))
    (backup,) = record["hosts"]["abathur1"]["backups"]
    assert backup["store"] == "memory"
    assert backup["path"].endswith("/memory/abathur.db")
    assert backup["bytes"] == 48_300_032
    assert len(backup["sha256"]) == 64
    assert backup["rows"] == TABLES


def test_rows_are_told_by_table_where_only_a_total_could_be():
    ledger = Ledger("h").begin()
    kept = {"path": "/b", "sha256": "0" * 64, "rows": 7, "tables": {"a": 3, "b": 4}}
    ledger.step("backup", "store:memory", evidence=kept)
    ledger.step("backup", "store:files", evidence={"path": "/c", "sha256": "1" * 64, "rows": 9})
    found = build_record({"h": ledger.entries}, meta(hosts=[]))["hosts"]["h"]["backups"]
    assert [b["rows"] for b in found] == [{"a": 3, "b": 4}, {"total": 9}]


def test_times_come_from_the_entries():
    record = build_record(ledgers(), meta(hosts=[]))
    assert record["started"] == "2026-11-22T07:30:00Z"
    assert record["ended"] > record["started"]


def test_a_wall_clock_that_jumps_back_shortens_nothing():
    ledger = Ledger("h").begin()
    ledger.write("intent", "backup", "store:memory")
    ledger.at += 30
    ledger.write("done", "backup", "store:memory")
    ledger.entries[-1]["t_wall"] = "1970-01-01T00:00:00+00:00"
    record = build_record({"h": ledger.entries}, meta(hosts=[]))
    assert record["ended"] == "2026-11-22T07:30:30Z"


def test_a_gate_in_two_windows_is_two_results_and_a_repeated_one_is_the_last():
    ledger = Ledger("h").begin()
    red, green = gate("p99", "red", 180.0), gate("p99", "green", 60.0)
    ledger.fail("gate", "evaluate", "red", evidence={"gates": [red]})
    ledger.step("gate", "evaluate", evidence={"gates": [green]})
    ledger.step("observe", "first minutes", evidence={"gates": [green]})
    found = build_record({"h": ledger.entries}, meta(hosts=[]))["hosts"]["h"]["gates"]
    assert [(g["window"], g["verdict"]) for g in found] == [
        ("evaluate", "green"),
        ("first minutes", "green"),
    ]


def test_what_was_known_before_is_told_with_the_baseline():
    notes = {"known_issues": ["<b>slow</b>"], "limitations": [], "expected_benefits": ["cheap"]}
    ledger = Ledger("h").begin()
    ledger.step("baseline", "measure", evidence={"notes": notes, "state": "absent"})
    record = build_record({"h": ledger.entries}, meta(hosts=[]))
    assert record["notes"] == notes
    for text in (to_markdown(record), to_html(record)):
        assert "Known before" in text
        assert "Known issues" in text
        assert "Expected benefits" in text
        assert "Limitations" not in text
        assert "<b>slow" not in text
    assert "Known before" not in to_markdown(build_record({}, meta(hosts=[])))


def test_a_shortened_window_says_so():
    ledger = Ledger("h").begin()
    about = {"window": "two days", "scale": 0.01, "of_seconds": 172_800}
    ledger.step("observe", "two_days", evidence={"gates": [gate("p99", "green", 60.0)], **about})
    (found,) = build_record({"h": ledger.entries}, meta(hosts=[]))["hosts"]["h"]["gates"]
    assert found["window"] == "two days, shortened to 28 min 48 s of 48 h 00 min"


def test_one_host_cannot_make_the_record_large():
    ledger = Ledger("h").begin()
    deep = {}
    for _ in range(2000):
        deep = {"again": deep}
    ledger.step("backup", "store:memory", evidence={"said": "x" * 10_000_000, "deep": deep})
    ledger.step("backup", "store:b", evidence={"list": list(range(100_000))})
    assert len(to_bytes(build_record({"h": ledger.entries}, meta(hosts=[])))) < 200_000


def test_a_flood_of_entries_proves_nothing():
    many = [{"seq": 1, "phase": "a", "step": "b", "kind": "done"}] * 20_001
    record = build_record({"h": many}, meta(hosts=["h"]))
    assert record["hosts"]["h"]["verdict"] == "unknown"
    assert "20001 entries" in record["hosts"]["h"]["reason"]


def test_figures_that_json_cannot_hold_are_told_as_text():
    ledger = Ledger("h").begin()
    bad = gate("p99", "unknown", float("nan"), samples=[[0.0, float("inf")], [1.0, 3.0]])
    ledger.step("gate", "evaluate", evidence={"gates": [bad]})
    record = build_record({"h": ledger.entries}, meta(hosts=[]))
    assert json.loads(to_bytes(record))["hosts"]["h"]["gates"][0]["actual"] == "nan"
    assert "<svg" in to_html(record)


def test_what_the_baseline_measures_of_the_former_release_is_no_gate_of_the_new_one():
    ledger = Ledger("h").begin()
    ledger.step("baseline", "measure", evidence={"gates": [gate("p99", "green", 60.0)]})
    record = build_record({"h": ledger.entries}, meta(hosts=[]))
    assert record["hosts"]["h"]["gates"] == []


def test_the_first_deployment_claims_no_former_release():
    ledger = Ledger("h").begin({"from": ""}).step("restart", "activate_release")
    told = build_record({"h": ledger.end("deployed").entries}, meta(hosts=["h"]))["message"]
    assert told["untouched"] == ""
