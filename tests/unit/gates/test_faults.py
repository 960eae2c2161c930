"""Whatever is wrong with a source, its gate is unknown or red, and never passes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from stagegate.gates.evaluate import Setting
from stagegate.gates.model import Gate, Measurement
from stagegate.gates.sources.http_json import HttpJson
from stagegate.gates.sources.prometheus import PrometheusText
from tests.unit.gates.helpers import (
    FakeService,
    ask,
    free_port,
    gauge_gate,
    histogram_gate,
    json_gate,
    services,
    share_gate,
    spec_of,
)

Make = Callable[..., dict[str, Any]]
HTTP: dict[str, Make] = {
    "http_json": json_gate,
    "histogram": histogram_gate,
    "counter": share_gate,
    "gauge": gauge_gate,
}
SAID = {
    "slow": "no whole answer within 0.3 s",
    "drip": "no whole answer within 0.3 s",
    "hang up": "no answer",
    "cut": "no answer",
    "500": "HTTP 500",
    "redirect": "redirected (HTTP 302)",
    "html": "text/html",
    "empty": "the answer is empty",
    "garbage": "the answer is no",
    "missing": "",
    "stale": "stale",
    "wrong version": "",
    "wrong instance": "",
}


@pytest.mark.parametrize("kind", HTTP)
def test_passes_while_nothing_is_wrong(service: FakeService, kind: str) -> None:
    [result] = ask(spec_of(HTTP[kind](service.base), base=service.base))
    assert result.verdict == "green", result.reason


@pytest.mark.parametrize("fault", SAID)
@pytest.mark.parametrize("kind", HTTP)
def test_a_broken_answer_is_unknown(service: FakeService, kind: str, fault: str) -> None:
    service.fault = fault
    raw = HTTP[kind](service.base)
    if kind == "http_json":
        raw["source"]["time_field"] = "time"
    [result] = ask(spec_of(raw, base=service.base))
    assert result.verdict == "unknown"
    assert SAID[fault] in result.reason.replace("answer is not JSON", "answer is no")


@pytest.mark.parametrize("kind", HTTP)
def test_a_source_that_is_down_is_unknown(service: FakeService, kind: str) -> None:
    raw = HTTP[kind](f"http://127.0.0.1:{free_port()}")
    raw["source"]["service"] = "app"
    [result] = ask(spec_of(raw, base=service.base))
    assert result.verdict == "unknown"
    assert "no answer" in result.reason


@pytest.mark.parametrize("kind", HTTP)
@pytest.mark.parametrize("fault", ["500", "slow", "html"])
def test_without_health_nothing_is_known(service: FakeService, kind: str, fault: str) -> None:
    service.health_fault = fault
    [result] = ask(spec_of(HTTP[kind](service.base), base=service.base))
    assert result.verdict == "unknown"
    assert "does not say who it is" in result.reason


@pytest.mark.parametrize("kind", HTTP)
def test_the_former_release_cannot_answer_for_the_new_one(service: FakeService, kind: str) -> None:
    service.version = "1.0"
    [result] = ask(spec_of(HTTP[kind](service.base), base=service.base))
    assert (result.verdict, result.reason) == ("unknown", "app is release 1.0, not 1.1")


@pytest.mark.parametrize("kind", HTTP)
def test_too_few_samples_are_unknown(service: FakeService, kind: str) -> None:
    raw = HTTP[kind](service.base)
    spec = spec_of(raw, base=service.base)
    spec = replace(
        spec, gates=tuple(replace(g, samples=replace(g.samples, minimum=10**6)) for g in spec.gates)
    )
    [result] = ask(spec)
    assert result.verdict == "unknown"
    assert "of at least 1000000 samples" in result.reason


@pytest.mark.parametrize("kind", ["histogram", "counter"])
def test_zero_of_zero_is_unknown(service: FakeService, kind: str) -> None:
    service.events = 0
    [result] = ask(spec_of(HTTP[kind](service.base), base=service.base))
    assert result.verdict == "unknown"


@pytest.mark.parametrize("source", [HttpJson, PrometheusText], ids=["http_json", "prometheus_text"])
def test_a_defect_in_one_gate_is_that_gate_unknown_and_no_other(
    service: FakeService, source: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    raws = [
        json_gate(service.base, name="http_json"),
        histogram_gate(service.base, name="prometheus_text"),
    ]

    def broken(*_: object) -> Measurement:
        raise ZeroDivisionError("a bad query")

    monkeypatch.setattr(source, "measure", broken)
    verdicts = {r.gate.name: r for r in ask(spec_of(*raws, base=service.base))}
    failed = verdicts.pop(source.kind)
    assert (failed.verdict, "ZeroDivisionError" in failed.reason) == ("unknown", True)
    assert [other.verdict for other in verdicts.values()] == ["green"]


def test_a_defect_while_reading_is_that_gate_unknown_and_no_other(
    service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    raws = [json_gate(service.base, name="a"), histogram_gate(service.base, name="b")]
    monkeypatch.setattr(
        "stagegate.gates.sources.prometheus.parse", lambda _: (_ for _ in ()).throw(KeyError("x"))
    )
    results = ask(spec_of(*raws, base=service.base))
    assert [r.verdict for r in results] == ["green", "unknown"]


@pytest.mark.parametrize(
    "figure",
    [None, "7", "", True, False, [7], {"a": 7}, -1, "raw 1e400", "raw NaN", "raw Infinity"],
    ids=repr,
)
def test_what_is_no_finite_number_is_no_sample(service: FakeService, figure: Any) -> None:
    service.figure = figure
    [result] = ask(spec_of(json_gate(service.base), base=service.base))
    assert result.verdict == "unknown"


@pytest.mark.parametrize("gauge", ["NaN", "+Inf", "-Inf", "-1"])
def test_a_gauge_that_is_no_finite_count_is_no_sample(service: FakeService, gauge: str) -> None:
    service.gauge = gauge
    [result] = ask(spec_of(gauge_gate(service.base), base=service.base))
    assert result.verdict == "unknown"


@pytest.mark.parametrize("kind", ["histogram", "counter"])
def test_a_counter_that_is_no_number_is_unknown(service: FakeService, kind: str) -> None:
    service.fault = "nan"
    [result] = ask(spec_of(HTTP[kind](service.base), base=service.base))
    assert result.verdict == "unknown"


def test_a_restart_inside_the_window_is_unknown(service: FakeService) -> None:
    raws = [histogram_gate(service.base), json_gate(service.base, name="j")]
    raws[0]["samples"] = raws[1]["samples"] = {"min": 2, "every": 0.05, "for": 0.6}
    original = service.metrics

    def restart_later() -> str:
        if service.seen["events"] > 100:
            service.instance = "newer"
        return original()

    service.metrics = restart_later  # type: ignore[method-assign]
    for result in ask(spec_of(*raws, base=service.base)):
        assert result.verdict == "unknown"
        assert "app restarted in the window" in result.reason


def test_a_frozen_gauge_is_told_by_the_metric_that_must_move(service: FakeService) -> None:
    raw = gauge_gate(service.base, source={"alive_metric": "app_requests_total"})
    assert ask(spec_of(raw, base=service.base))[0].verdict == "green"
    service.events = 0
    [result] = ask(spec_of(raw, base=service.base))
    assert result.verdict == "unknown"
    assert "frozen" in result.reason


def test_a_metric_without_labels_is_proved_by_its_scrape(service: FakeService) -> None:
    original = service.metrics
    service.metrics = lambda: original() + "bare_pool 3\n"  # type: ignore[method-assign]
    raw = gauge_gate(service.base)
    raw["source"]["metric"] = "bare_pool"
    assert ask(spec_of(raw, base=service.base))[0].verdict == "unknown"
    raw["source"]["identity"] = "scrape"
    assert ask(spec_of(raw, base=service.base))[0].verdict == "green"
    service.fault = "wrong instance"
    assert ask(spec_of(raw, base=service.base))[0].verdict == "unknown"


def test_version_is_red_for_another_release_and_unknown_without_an_answer(
    service: FakeService,
) -> None:
    raw = {
        "name": "v",
        "unit": "ratio",
        "equals": 1,
        "samples": {"every": 0.05, "for": 0.1},
        "source": {"kind": "version", "service": "app"},
    }
    spec = spec_of(raw, base=service.base)
    assert ask(spec)[0].verdict == "green"
    assert ask(spec, Setting("1.2"))[0].verdict == "red"
    for fault in ("slow", "html", "500", "redirect", "empty"):
        service.health_fault = fault
        assert ask(spec)[0].verdict == "unknown", fault


def probing(service: FakeService, statistic: str, **more: Any) -> Any:
    raw: dict[str, Any] = {
        "name": "p",
        "unit": "%" if statistic == "rate" else "ms",
        "statistic": statistic,
        "samples": {"min": 10, "for": 0.3, "every": 0.1},
        "limit": 1 if statistic == "rate" else 100,
        "source": {
            "kind": "probe",
            "service": "app",
            "scale": 100 if statistic == "rate" else 1000,
        },
        **more,
    }
    synthetic = {
        "requests_per_second": 60,
        "for": 0.3,
        "deadline": 0.2,
        "urls": [f"{service.base}/figure"],
    }
    return spec_of(raw, base=service.base, synthetic=synthetic)


@pytest.mark.parametrize(
    ("fault", "p99", "rate"),
    [
        ("", "green", "green"),
        ("500", "unknown", "red"),
        ("redirect", "unknown", "red"),
        ("slow", "red", "red"),
        ("drip", "red", "red"),
        ("hang up", "unknown", "red"),
    ],
)
def test_probes_measure_what_a_client_meets(
    service: FakeService, fault: str, p99: str, rate: str
) -> None:
    service.fault = fault
    spec = probing(service, "p99")
    spec = replace(spec, gates=(replace_minimum(spec.gates[0], 5),))
    assert ask(spec)[0].verdict == p99
    spec = probing(service, "rate")
    assert ask(replace(spec, gates=(replace_minimum(spec.gates[0], 5),)))[0].verdict == rate


def replace_minimum(gate: Gate, minimum: int) -> Gate:
    return replace(gate, samples=replace(gate.samples, minimum=minimum))


def test_a_window_ends_although_a_server_never_does(service: FakeService) -> None:
    service.fault = "drip"
    began = time.monotonic()
    ask(spec_of(histogram_gate(service.base), base=service.base))
    assert time.monotonic() - began < 0.1 + 0.3 + 1.0 + 1.0  # window, deadline, grace, and a margin


def test_services_of_a_system_may_have_no_health() -> None:
    assert services("http://127.0.0.1:9")[0]["name"] == "app"
    raw = json_gate("http://127.0.0.1:9", source={"service": "none"})
    assert spec_of(raw).gates[0].source.service == ""


def test_a_service_that_dies_inside_the_window_is_unknown(service: FakeService) -> None:
    raw = json_gate(service.base, samples={"min": 2, "every": 0.05, "for": 0.6})
    original = service.document

    def die_later(fault: str) -> dict[str, Any]:
        service.seen["events"] += 1
        if service.seen["events"] == 3:
            service.health_fault = "500"
        return original(fault)

    service.document = die_later  # type: ignore[method-assign]
    [result] = ask(spec_of(raw, base=service.base))
    assert result.verdict == "unknown"
    assert result.reason == "app stopped saying who it is: HTTP 500"


@pytest.mark.parametrize("make", [histogram_gate, share_gate], ids=["histogram", "counter"])
def test_a_counter_reset_inside_the_window_is_no_fall_and_no_jump(
    service: FakeService, make: Make
) -> None:
    """An exporter restarts under the same labels: the window goes on with what it counts since."""
    service.seen = {"events": 10**6, "slow": 0, "errors": 10**3}
    service.errors = 1
    original, scrapes = service.metrics, []

    def reset_once() -> str:
        scrapes.append(1)
        if len(scrapes) == 2:
            service.seen = {"events": 0, "slow": 0, "errors": 0}
        return original()

    service.metrics = reset_once  # type: ignore[method-assign]
    raw = make(service.base, samples={"min": 2, "every": 0.05, "for": 0.2})
    raw |= {"limit": None, "range": [0.5, 99]}
    [result] = ask(spec_of(raw, base=service.base))
    assert result.verdict == "green", result.reason
    assert result.measured.count == 30 * (len(scrapes) - 1)
