"""Before a run every gate proves that it can fail and that its source answers."""

from __future__ import annotations

from typing import Any

import pytest

from stagegate.gates.selftest import bad_value, prove, run_selftest, spoil
from tests.unit.gates.helpers import (
    FakeService,
    free_port,
    gate,
    gauge_gate,
    histogram_gate,
    json_gate,
    read_one,
    share_gate,
    spec_of,
)

BASE = "http://127.0.0.1:9"
SQL = {"kind": "sql", "path": "/nowhere", "query": "SELECT 1"}
RELATIVE = {"to": "baseline", "max_factor": 3}
LOG = {"kind": "log", "path": "/log", "match": {"level": "~error|critical"}}
PROBE = {"kind": "probe", "service": "app", "scale": 1000}
RANKS = {"to": "baseline", "max_percent": 10, "see_percent": 30}
SERVER = {"kind": "prometheus", "url": BASE, "query": "q", "fresh_by": "q"}
COMMAND = {"kind": "command", "argv": ["/bin/true"]}
POSTGRESQL = {
    "kind": "sql",
    "engine": "postgresql",
    "database": "d",
    "user": "u",
    "query": "SELECT 1",
}
TRAFFIC = {"requests_per_second": 5, "urls": [f"{BASE}/"]}


def proved(raw: dict[str, Any]) -> list[str]:
    return prove(spec_of(raw, base=BASE, synthetic=TRAFFIC).gates[0])


@pytest.mark.parametrize(
    "raw",
    [
        json_gate(BASE),
        json_gate(BASE, source={"time_field": "at", "scale": 0.001}),
        json_gate(BASE, statistic="p99"),
        json_gate(BASE, statistic="delta"),
        json_gate(BASE, statistic="rate", unit="1/s"),
        json_gate(BASE, direction="at_least", target=20),
        histogram_gate(BASE),
        histogram_gate(BASE, limit=None, relative=RELATIVE),
        histogram_gate(BASE, relative={**RELATIVE, "target_factor": 2, "ignore_below": 50}),
        share_gate(BASE),
        share_gate(BASE, limit=None, relative={"to": "baseline", "max_points": 0.1}),
        share_gate(BASE, direction="at_least", limit=99),
        gauge_gate(BASE),
        gauge_gate(BASE, source={"alive_metric": "app_requests_total"}),
        gauge_gate(BASE, source={"identity": "scrape", "labels": {"pool": "!~a|b"}}),
        gate(SQL, samples=None, equals=0),
        gate(SQL, samples=None, equals=33),
        gate(SQL, samples=None, range=[2, 10]),
        gate(SQL, samples=None, unit="furlongs", worst=50, limit=10),
        gate(LOG, statistic="delta", limit=0),
        gate({**LOG, "scale": 100, "of": {"app": "x"}}, statistic="rate", unit="%", limit=1),
        gate({**LOG, "format": "regex", "pattern": r"(?P<level>\w+)"}, statistic="delta", limit=0),
        gate(PROBE, statistic="p99", unit="ms", limit=100),
        gate({**PROBE, "scale": 100}, statistic="rate", unit="%", limit=1),
        gate({"kind": "version", "service": "app"}, unit="ratio", equals=1),
        *(
            gate(source, unit="ms", **rule)
            for source in (SERVER, {**SERVER, "range": True}, COMMAND, {**COMMAND, "path": "a.b"})
            for rule in (
                {"limit": 100},
                {"range": [10, 100], "target_range": [20, 50]},
                {"sustained": {"limit": 100, "for": "5m"}},
                {"sustained": {"limit": 100, "for": 1, "hole": 0.2}},
                {"consecutive": {"limit": 100, "samples": 30}},
                {"deadline": {"limit": 100, "by": "7d"}},
                {"relative": {"to": "baseline", "range_percent": [-60, -40]}},
                {"relative": {"to": "baseline", "range_percent": [None, -70]}},
                {"relative": {"to": "baseline", "range_factor": [3, None]}},
                {"ranks": RANKS},
            )
        ),
        gate({**SERVER, "history_days": 7}, relative={"to": "same_hour", "max_percent": 20}),
        gate({"kind": "recorded", "path": "/x", "not_older_than": "7d"}, unit="%", limit=95),
        gate(POSTGRESQL, samples=None, equals=0),
        histogram_gate(BASE, sustained={"limit": 100, "for": "10m"}),
        histogram_gate(BASE, limit=None, consecutive={"limit": 100, "samples": 3}),
        share_gate(BASE, limit=None, counts={"to": "baseline", "see": 1}),
        share_gate(BASE, limit=None, counts={"rate": 0.1, "see": 1}),
        share_gate(BASE, limit=None, direction="at_least", counts={"rate": 99.9, "see": 99}),
        gate({**LOG, "scale": 100}, statistic="rate", unit="%", counts={"rate": 0.1, "see": 1}),
        gate({**PROBE, "scale": 100}, statistic="rate", unit="%", counts={"rate": 0.1, "see": 1}),
        gate(
            PROBE,
            statistic="p99",
            unit="ms",
            ranks=RANKS,
        ),
    ],
    ids=lambda raw: f"{raw['source']['kind']}-{raw.get('statistic', 'value')}",
)
def test_a_sound_gate_is_proved(raw: dict[str, Any]) -> None:
    assert proved(raw) == []


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (histogram_gate(BASE, limit=1e9), "can never turn red: with 60000 ms"),
        (share_gate(BASE, limit=100), "can never turn red: with 100 %"),
        (share_gate(BASE, limit=1000), "can never turn red"),
        (gate(SERVER, unit="ms", sustained={"limit": 1e9, "for": 60}), "the sustained rule says"),
        (gate(SERVER, unit="ms", consecutive={"limit": 1e9, "samples": 2}), "the consecutive rule"),
        (
            gate(SERVER, unit="ms", deadline={"limit": 1e9, "by": 60}),
            "the deadline rule says green",
        ),
        (
            gate(SERVER, unit="ms", relative={"to": "baseline", "range_factor": [0, 1e9]}),
            "the relative_range_factor rule says green",
        ),
        (
            gate(
                SERVER, unit="ms", ranks={"to": "baseline", "max_percent": 1e9, "see_percent": 2e9}
            ),
            "the ranks rule says",
        ),
        (
            gate(SERVER, unit="ms", severity="nice", limit=1e9),
            "can never turn red",
        ),
        (json_gate(BASE, limit=None, range=[0, 1e9]), "the range rule says green"),
        (json_gate(BASE, direction="at_least", limit=0, target=5), "can never turn red: with 0"),
        (
            histogram_gate(BASE, limit=None, relative={"to": "baseline", "max_factor": 1e9}),
            "the relative_factor rule says green",
        ),
        # the sound absolute rule must not hide the one that cannot fail
        (
            histogram_gate(BASE, relative={"to": "baseline", "max_factor": 2, "ignore_below": 1e9}),
            "the relative_factor rule says green",
        ),
        (share_gate(BASE, limit=None, relative={"to": "baseline", "max_points": 100}), "points"),
        (
            share_gate(BASE)
            | {"source": {**share_gate(BASE)["source"], "labels": {"status": "~5xx"}}},
            "no value is known that these labels match",
        ),
        (gate(LOG, statistic="delta", limit=1e9), "can never turn red"),
    ],
)
def test_a_gate_that_cannot_fail_is_found(raw: dict[str, Any], said: str) -> None:
    assert any(said in problem for problem in proved(raw)), proved(raw)


def test_the_proof_goes_down_the_real_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """A defect in measuring, not only in judging, is found before the run."""
    judged = read_one(histogram_gate(BASE), BASE)
    assert spoil(judged, bad_value(judged, judged.rules[0])).verdict == "red"
    monkeypatch.setattr("stagegate.gates.sources.histograms.increments", lambda *_: [])
    assert prove(judged)


def test_every_source_answers(service: FakeService) -> None:
    raws = [json_gate(service.base), histogram_gate(service.base, name="h")]
    raws += [share_gate(service.base, name="s"), gauge_gate(service.base, name="p")]
    proofs = run_selftest(spec_of(*raws, base=service.base), running=True)
    assert [proof.problems for proof in proofs] == [(), (), (), ()]
    assert [proof.answers for proof in proofs] == [True] * 4


@pytest.mark.parametrize(
    ("make", "fault", "said"),
    [
        (json_gate, "missing", "nothing at deep.0.figure"),
        (json_gate, "500", "HTTP 500"),
        (json_gate, "html", "text/html"),
        (histogram_gate, "missing", "there is no metric app_seconds"),
        (share_gate, "missing", "there is no metric app_requests_total"),
        (gauge_gate, "garbage", "is no scrape"),
    ],
)
def test_a_source_that_does_not_answer_is_found(
    service: FakeService, make: Any, fault: str, said: str
) -> None:
    service.fault = fault
    [proof] = run_selftest(spec_of(make(service.base), base=service.base), running=True)
    assert proof.answers is False
    assert any(said in problem for problem in proof.problems), proof.problems


def test_a_metric_of_another_type_is_found(service: FakeService) -> None:
    raw = gauge_gate(service.base, source={"metric": "app_requests_total"})
    [proof] = run_selftest(spec_of(raw, base=service.base), running=True)
    assert any("is a counter; statistic value reads a gauge" in p for p in proof.problems)


def test_a_query_of_the_wrong_application_is_found(service: FakeService) -> None:
    down = f"http://127.0.0.1:{free_port()}"
    raw = json_gate(down, source={"service": "app"})
    [proof] = run_selftest(spec_of(raw, base=service.base), running=True)
    assert proof.answers is False


def test_nothing_is_asked_before_the_first_release_or_of_what_it_does_not_have() -> None:
    down = f"http://127.0.0.1:{free_port()}"
    for running, more in ((False, {}), (True, {"baseline": "none"})):
        [proof] = run_selftest(spec_of(json_gate(down, **more), base=down), running)
        assert (proof.problems, proof.answers) == ((), None)
