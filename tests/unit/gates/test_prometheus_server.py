"""What a Prometheus server answers is a sample only when it is whole, young, and one number."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from stagegate.gates.baseline import MEASURED, Baseline
from stagegate.gates.figures import read_figures
from stagegate.gates.model import Measurement
from stagegate.gates.rules import Figure
from stagegate.gates.selftest import run_selftest
from stagegate.gates.spec import Spec
from stagegate.gates.verdict import Result, judge
from tests.unit.gates.conftest import NOW, WITHOUT, Watched
from tests.unit.gates.helpers import ask, gate, spec_of

SAMPLES = {"min": 3, "every": 0.2, "for": 1.2}


def asking(url: str, base: str = "", **source: Any) -> Spec:
    """One gate on a server."""
    asked = {"kind": "prometheus", "url": url, "query": "app_pool", "fresh_by": "app_pool"}
    return spec_of(gate({**asked, **source}, limit=10, samples=SAMPLES), base=base)


def judged(url: str, base: str = "", **source: Any) -> Result:
    return ask(asking(url, base, **source))[0]


@pytest.mark.parametrize("over_range", [False, True])
def test_a_number_is_judged(watched: Watched, over_range: bool) -> None:
    result = judged(watched.server.url, range=over_range)
    assert (result.verdict, result.measured.value) == ("green", 3), result.reason
    assert result.measured.count >= 5


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"query": "app_pol"}, "no series match the query"),
        ({"fresh_by": "app_pol"}, "no series match the fresh_by"),
        ({"query": "app_pool["}, "the server refuses the query: "),
        ({"query": "app_pool[1m]"}, "the server refuses the query: it gives a series over time"),
        ({"query": '"three"'}, "the answer is a string, not numbers"),
        ({"query": "app_seconds_bucket"}, "5 series match: name an aggregate"),
        ({"query": "app_pool / 0"}, "not finite (inf)"),
        ({"query": "app_pool - 9"}, "a negative count (-6.0)"),
        ({"fresh_by": "stopped_pool"}, "stale: the newest sample is more than 60 s old"),
        ({"fresh_by": "stopped_pool", "not_older_than": "1h"}, "is from before the window"),
    ],
)
@pytest.mark.parametrize("over_range", [False, True])
def test_what_is_no_answer_is_unknown(
    watched: Watched, source: dict[str, Any], said: str, over_range: bool
) -> None:
    if over_range and said.startswith(("the server refuses", "the answer is a string")):
        said = "the server refuses the query: "
    result = judged(watched.server.url, range=over_range, **source)
    assert (result.verdict, said in result.reason) == ("unknown", True), result.reason


def test_several_series_count_where_an_aggregate_is_named(watched: Watched) -> None:
    both = 'app_pool or label_replace(app_pool + 4, "a", "b", "", "")'
    for aggregate, value in (("sum", 10), ("max", 7), ("min", 3)):
        result = judged(watched.server.url, query=both, aggregate=aggregate)
        assert (result.verdict, result.measured.value) == ("green", value), result.reason


def test_series_of_another_process_do_not_count(watched: Watched) -> None:
    own = {"service": "app", "version_label": "version", "instance_label": "instance"}
    base = watched.service.base
    assert judged(watched.server.url, base, **own).verdict == "green"
    result = judged(watched.server.url, base, **{**own, "version_label": "release"})
    assert (result.verdict, "no series carries release=1.1" in result.reason) == ("unknown", True)


def test_a_target_that_is_gone_leaves_nothing_to_judge_although_the_rate_goes_on(
    watched: Watched,
) -> None:
    """A rate over minutes has values long after its target died; the sample's own time tells."""
    rate = "count_over_time(app_pool[5m]) * 0 + 1"
    assert judged(watched.server.url, query=rate).verdict == "green"
    watched.service.fault = "500"
    try:
        watched.server.await_series("app_pool", wanted=False)
        assert watched.server.ask(rate)
        result = judged(watched.server.url, query=rate)
    finally:
        watched.service.fault = ""
        watched.server.await_series("app_pool")
    assert (result.verdict, result.reason) == ("unknown", "no series match the fresh_by")


@pytest.mark.parametrize("running", [True, False])
def test_a_query_that_cannot_be_read_is_refused_before_the_run(
    watched: Watched, running: bool
) -> None:
    [proof] = run_selftest(asking(watched.server.url, query="sum(app_pool"), running)
    assert any("the server refuses the query" in problem for problem in proof.problems)
    [proof] = run_selftest(asking(watched.server.url), running)
    assert (proof.problems, proof.answers) == ((), True if running else None)


def test_a_metric_that_is_not_there_is_refused_before_the_run(watched: Watched) -> None:
    [proof] = run_selftest(asking(watched.server.url, query="app_pol"), running=True)
    assert proof.problems == ("its source does not answer: no series match the query",)


def test_the_same_hour_of_earlier_days_is_kept_with_the_days_that_have_nothing(
    watched: Watched,
) -> None:
    spec = asking(watched.server.url, history_days=7)
    measured = [(spec.gates[0], Measurement(3.0, 20))]
    history = dict(read_figures(measured, NOW)["g"].history)
    days = [datetime.fromtimestamp(NOW, timezone.utc) - timedelta(days=d) for d in range(1, 8)]
    known = {d: None if d == WITHOUT else 10.0 + d for d in range(1, 8)}
    assert history == {day.date().isoformat(): known[d] for d, day in enumerate(days, 1)}


@pytest.mark.parametrize(
    ("days", "actual", "verdict", "said"),
    [
        ((100, 90, 110), 119, "green", "same hour 100 count, the median of 3 days"),
        ((100, 90, 110), 121, "red", "above the limit 120"),
        ((100, None, 110), 100, "unknown", "known of 2 of at least 3 days (nothing on day 1)"),
        ((), 100, "unknown", "known of 0 of at least 3 days"),
    ],
)
def test_the_same_hour_is_compared_with_its_median(
    days: tuple[float | None, ...], actual: float, verdict: str, said: str
) -> None:
    source = {"kind": "prometheus", "url": "http://127.0.0.1:9", "query": "q", "fresh_by": "q"}
    raw = gate({**source, "history_days": 7}, relative={"to": "same_hour", "max_percent": 20})
    history = tuple((f"day {i}", day) for i, day in enumerate(days))
    baseline = Baseline(MEASURED, {"g": Figure(500.0, 20, 1.0, history=history)})
    result = judge(spec_of(raw).gates[0], Measurement(actual, 20, variance=1.0), baseline)
    assert result.verdict == verdict
    assert said.replace(" count,", ",") in result.reason


class Api:
    """A server that says whatever a test wants it to, to both questions."""

    def __init__(self) -> None:
        self.status, self.extra = 200, dict[str, Any]()
        self.result: Any = None
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                said = json.dumps(api.answer(self.path)).encode()
                self.send_response(api.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def answer(self, path: str) -> Any:
        """A vector of one value, unless the test has another result."""
        now = time.time()
        value = str(now) if "timestamp" in path else "3"
        vector = {"resultType": "vector", "result": [{"metric": {}, "value": [now, value]}]}
        return {"status": "success", "data": self.result or vector, **self.extra}


@pytest.fixture
def api() -> Iterator[Api]:
    made = Api()
    with contextlib.ExitStack() as stack:
        for end in (made.thread.join, made.server.server_close, made.server.shutdown):
            stack.callback(end)
        yield made


def vector(value: Any) -> dict[str, Any]:
    return {"resultType": "vector", "result": [{"metric": {}, "value": value}]}


@pytest.mark.parametrize(
    ("status", "extra", "result", "said"),
    [
        (200, {"warnings": ["remote read: connection refused"]}, None, "only a part: remote read"),
        (200, {"warnings": "text"}, None, "the answer is only a part"),
        (200, {"status": "error", "error": "query timed out"}, None, "query timed out"),
        (200, {"status": "pending"}, None, "the server refuses the query"),
        (503, {}, None, "HTTP 503"),
        (422, {"status": "error", "error": "too many samples"}, None, "too many samples"),
        (200, {}, vector([1.0]), "not in the form of the API"),
        (200, {}, vector(["now", "3"]), "not in the form of the API"),
        (200, {}, vector(None), "not in the form of the API"),
        (200, {}, {"resultType": "vector", "result": []}, "no series match"),
        (200, {}, {"resultType": "vector", "result": {}}, "the answer is a vector"),
        (200, {}, {"resultType": "new", "result": []}, "the answer is a new"),
        (200, {}, vector([0, "three"]), "stale"),
        (200, {}, vector([0, True]), "stale"),
    ],
)
def test_an_answer_that_is_not_whole_is_unknown(
    api: Api, status: int, extra: dict[str, Any], result: Any, said: str
) -> None:
    assert judged(api.url).verdict == "green"
    api.status, api.extra, api.result = status, extra, result
    found = judged(api.url)
    assert (found.verdict, said in found.reason) == ("unknown", True), found.reason


def test_what_the_server_remarks_about_a_query_is_told(api: Api) -> None:
    api.extra = {"warnings": ["PromQL warning: bucket label le is missing"], "infos": []}
    found = judged(api.url)
    assert found.verdict == "green"
    assert "the server remarks: PromQL warning: bucket label le is missing" in found.reason
    assert found.as_dict(10)["remarks"]


def test_a_range_with_a_hole_is_not_sustained_good(api: Api) -> None:
    now = time.time()
    spec = asking(api.url, range=True)
    sustained = {"limit": 10, "for": 1, "hole": 0.3}
    raw = gate(
        {"kind": "prometheus", "url": api.url, "query": "q", "fresh_by": "q", "range": True},
        sustained=sustained,
        samples=SAMPLES,
    )
    assert spec.gates[0].source.kind == "prometheus"
    stamps = [now + 0.2 * i for i in range(6) if i not in (2, 3)]

    def matrix(path: str) -> Any:
        values = [[t, str(t) if "timestamp" in path else "3"] for t in stamps]
        data = {"resultType": "matrix", "result": [{"metric": {}, "values": values}]}
        return {"status": "success", "data": data}

    api.answer = matrix  # type: ignore[method-assign]
    found = ask(spec_of(raw))[0]
    assert (found.verdict, "nothing was seen for" in found.reason) == ("unknown", True)


def test_a_gate_on_a_server_says_how_it_is_written_wrong() -> None:
    whole = {"kind": "prometheus", "url": "http://127.0.0.1:9", "query": "q", "fresh_by": "q"}
    for change, said in (
        ({"fresh_by": None}, "fresh_by: is missing"),
        ({"version_label": "version"}, "service: goes with version_label"),
        ({"service": "app"}, "service: goes with version_label"),
        ({"history_days": -1}, "history_days: must be a whole number"),
    ):
        with pytest.raises(Exception, match=said):
            spec_of(gate({**whole, **change}, limit=1), base="http://127.0.0.1:9")
    raw = gate(whole, relative={"to": "same_hour", "max_percent": 20})
    with pytest.raises(Exception, match="same_hour needs a prometheus source with history_days"):
        spec_of(raw)


def test_severity_and_samples_are_the_gates_own(watched: Watched) -> None:
    spec = asking(watched.server.url, query="app_pol")
    soft = replace(spec, gates=(replace(spec.gates[0], severity="should"),))
    [result] = ask(soft)
    assert (result.verdict, result.found) == ("amber", "unknown")
    assert "unknown, but it only should be kept: no series match" in result.reason
