"""Every kind of source, in everything that can be wrong with one, is unknown or red; never more."""

from __future__ import annotations

import json
import os
import stat
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from stagegate.gates.evaluate import Setting
from stagegate.gates.model import Measurement
from stagegate.gates.sources import KINDS
from stagegate.gates.sources.log import read_mark
from stagegate.gates.verdict import Result
from tests.servers.postgresql import Cluster
from tests.unit.gates.conftest import Watched
from tests.unit.gates.helpers import (
    FakeService,
    ask,
    free_port,
    gate,
    gauge_gate,
    json_gate,
    make_database,
    spec_of,
)

FAULTS = ("down", "slow", "empty", "NaN", "stale", "wrong instance")
FINE = ""
NO_PROCESS = "no process stands behind what is read"
UNTOLD = {
    ("sqlite", "stale"): "a query says itself of which time it asks",
    ("sqlite", "wrong instance"): NO_PROCESS,
    ("postgresql", "stale"): "a query says itself of which time it asks",
    ("postgresql", "wrong instance"): NO_PROCESS,
    ("log", "wrong instance"): "of: {version: ...} selects what a release wrote",
    ("log", "slow"): "a file is read by the deadline or not: test_log has that",
    ("log", "NaN"): "lines are counted, and a count is a number",
    ("version", "NaN"): "there is no number: another release is red",
    ("version", "stale"): "the service itself answers, now",
    ("probe", "NaN"): "time is measured by us",
    ("probe", "empty"): "an answer may be empty; whether there is one is what a probe asks",
    ("probe", "stale"): "requests are made in the window only",
    ("recorded", "slow"): "a regular file is read at once; a pipe is refused below as empty",
}


@dataclass
class Place:
    """Where the sources are, and what is done to them."""

    path: Path
    service: FakeService
    cluster: Cluster
    watched: Watched
    setting: Setting = field(default_factory=lambda: Setting("1.1"))
    thawed: Callable[[], None] | None = None


def http_json(place: Place, fault: str) -> dict[str, Any]:
    place.service.fault = {"NaN": "", "down": ""}.get(fault, fault)
    place.service.figure = "raw NaN" if fault == "NaN" else 7
    base = f"http://127.0.0.1:{free_port()}" if fault == "down" else place.service.base
    return json_gate(base, source={"time_field": "time", "service": "app"})


def prometheus_text(place: Place, fault: str) -> dict[str, Any]:
    place.service.fault = {"NaN": "nan", "down": ""}.get(fault, fault)
    base = f"http://127.0.0.1:{free_port()}" if fault == "down" else place.service.base
    return gauge_gate(base, source={"service": "app"})


def prometheus(place: Place, fault: str) -> dict[str, Any]:
    place.service.instance = "another" if fault == "wrong instance" else "new"
    url = f"http://127.0.0.1:{free_port()}" if fault == "down" else place.watched.server.url
    if fault == "slow":
        place.watched.server.freeze()
        place.thawed = place.watched.server.thaw
    query = {"empty": "no_such_metric", "NaN": "0 * app_pool / 0", "stale": "stopped_pool"}
    source = {"kind": "prometheus", "url": url, "query": query.get(fault, "app_pool")}
    source |= {"fresh_by": "stopped_pool" if fault == "stale" else "app_pool", "deadline": 0.4}
    if fault != "stale":
        source |= {"service": "app", "version_label": "version", "instance_label": "instance"}
    return gate(source, limit=10, samples={"min": 3, "every": 0.2, "for": 1.2})


def sqlite(place: Place, fault: str) -> dict[str, Any]:
    path = place.path / "data.db"
    if fault != "down":
        make_database(path, "CREATE TABLE IF NOT EXISTS t (i); INSERT INTO t VALUES (1)")
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT count(*) FROM n"
    query = {"slow": endless, "empty": "SELECT i FROM t WHERE i > 9", "NaN": "SELECT 9e999"}
    source = {"kind": "sql", "path": str(path), "query": query.get(fault, "SELECT max(i) FROM t")}
    return gate({**source, "deadline": 0.3}, samples=None, limit=10)


def postgresql(place: Place, fault: str) -> dict[str, Any]:
    query = {
        "slow": "SELECT 1 FROM pg_sleep(30)",
        "empty": "SELECT i FROM t WHERE i > 9",
        "NaN": "SELECT 'NaN'::float8",
    }
    source = {
        "kind": "sql",
        "engine": "postgresql",
        "database": "postgres",
        "user": place.cluster.admin,
        "host": str(place.cluster.socket),
        "port": free_port() if fault == "down" else place.cluster.port,
        "query": query.get(fault, "SELECT count(*) FROM t"),
        "deadline": 1 if fault == "slow" else 20,
    }
    return gate(source, samples=None, limit=10)


def log(place: Place, fault: str) -> dict[str, Any]:
    path = place.path / "app.jsonl"
    path.write_text('{"level": "info"}\n')
    place.setting = Setting("1.1", {str(path): read_mark(str(path))})
    if fault == "down":
        path.unlink()
    elif fault == "stale":
        path.write_text('{"level": "nothing of what stood here before"}\n' * 2)
    elif fault != "empty":
        with path.open("a") as handle:
            handle.write('{"level": "info"}\n' * 30)
    source = {"kind": "log", "path": str(path), "match": {"level": "error"}}
    return gate(source, statistic="delta", limit=10, samples={"min": 1, "every": 0.05, "for": 0.1})


def probe(place: Place, fault: str) -> dict[str, Any]:
    place.service.fault = {"down": "hang up", "wrong instance": ""}.get(fault, fault)
    place.service.version = "1.0" if fault == "wrong instance" else "1.1"
    source = {"kind": "probe", "service": "app", "scale": 100}
    samples = {"min": 5, "for": 0.5, "every": 0.1}
    return gate(source, statistic="rate", unit="%", limit=1, samples=samples)


def version(place: Place, fault: str) -> dict[str, Any]:
    place.service.health_fault = {"down": "hang up", "wrong instance": ""}.get(fault, fault)
    place.service.version = "1.0" if fault == "wrong instance" else "1.1"
    samples = {"min": 2, "every": 0.05, "for": 0.1}
    return gate({"kind": "version", "service": "app"}, unit="ratio", equals=1, samples=samples)


def command(place: Place, fault: str) -> dict[str, Any]:
    now = 1000.0 if fault == "stale" else time.time()
    instance = "another" if fault == "wrong instance" else "new"
    told = {"version": "1.1", "instance_id": instance, "time": now, "figure": 7}
    text = json.dumps(told).replace("7}", "NaN}") if fault == "NaN" else json.dumps(told)
    program = {"slow": "import time; time.sleep(30)", "empty": ""}.get(fault, f"print({text!r})")
    source = {
        "kind": "command",
        "argv": ["/nowhere" if fault == "down" else sys.executable, "-I", "-c", program],
        "service": "app",
        "path": "figure",
        "time_field": "time",
        "deadline": 0.5 if fault == "slow" else 20,
    }
    return gate(source, samples=None, limit=10)


def recorded(place: Place, fault: str) -> dict[str, Any]:
    path = place.path / "recorded.json"
    at = time.time() - (7200 if fault == "stale" else 60)
    told = {"value": 7, "at": at, "by": "QA lead", "version": "1.1"}
    told["version"] = "1.0" if fault == "wrong instance" else "1.1"
    if fault == "empty":
        os.mkfifo(path)
    elif fault != "down":
        text = json.dumps(told)
        path.write_text(text.replace(": 7,", ": NaN,") if fault == "NaN" else text)
    source = {"kind": "recorded", "path": str(path), "not_older_than": "1h"}
    return gate(source, samples=None, limit=10)


MAKE = {
    one.__name__: one
    for one in (
        http_json,
        prometheus_text,
        prometheus,
        sqlite,
        postgresql,
        log,
        probe,
        version,
        command,
        recorded,
    )
}
TABLE = [(k, f) for k in MAKE for f in FAULTS if (k, f) not in UNTOLD]


@pytest.fixture
def place(tmp_path: Path, service: FakeService, cluster: Cluster, watched: Watched) -> Any:
    made = Place(tmp_path, service, cluster, watched)
    yield made
    if made.thawed:
        made.thawed()


def judged(place: Place, kind: str, fault: str, minimum: int | None = None) -> Result:
    raw = MAKE[kind](place, fault)
    synthetic = None
    if kind == "probe":
        paced = {"requests_per_second": 30, "for": 0.5, "deadline": 0.2}
        synthetic = {**paced, "urls": [f"{place.service.base}/figure"]}
    spec = spec_of(raw, base=place.service.base, synthetic=synthetic)
    if minimum is not None:
        asked = replace(spec.gates[0].samples, minimum=minimum)
        spec = replace(spec, gates=(replace(spec.gates[0], samples=asked),))
    [result] = ask(spec, place.setting)
    return result


@pytest.mark.parametrize("kind", MAKE)
def test_passes_while_nothing_is_wrong(place: Place, kind: str) -> None:
    result = judged(place, kind, FINE)
    assert result.verdict == "green", result.reason


@pytest.mark.parametrize(("kind", "fault"), TABLE)
def test_never_passes_while_something_is_wrong(place: Place, kind: str, fault: str) -> None:
    result = judged(place, kind, fault)
    assert result.verdict in ("unknown", "red"), result.reason
    assert result.reason


@pytest.mark.parametrize("kind", MAKE)
def test_never_passes_on_too_few_samples(place: Place, kind: str) -> None:
    result = judged(place, kind, FINE, minimum=10**6)
    assert (result.verdict, "of at least 1000000 samples" in result.reason) == ("unknown", True)


@pytest.mark.parametrize("kind", MAKE)
def test_never_passes_when_its_own_code_fails(
    place: Place, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> Measurement:
        raise ZeroDivisionError("a defect")

    source = spec_of(
        MAKE[kind](place, FINE),
        base=place.service.base,
        synthetic={"requests_per_second": 1, "urls": [place.service.base]},
    )
    monkeypatch.setattr(type(source.gates[0].source), "measure", broken)
    result = judged(place, kind, FINE)
    assert (result.verdict, "ZeroDivisionError" in result.reason) == ("unknown", True)


def test_the_table_has_every_kind_of_source() -> None:
    engines = {"sqlite", "postgresql"}
    assert set(MAKE) - engines | {"sql"} == set(KINDS)
    assert {kind for kind, _ in UNTOLD} <= set(MAKE)
    assert {fault for _, fault in UNTOLD} <= set(FAULTS)


def test_a_record_that_anybody_may_write_does_not_count(place: Place) -> None:
    raw = recorded(place, FINE)
    path = Path(raw["source"]["path"])
    path.chmod(stat.S_IMODE(path.stat().st_mode) | 0o002)
    [result] = ask(spec_of(raw), place.setting)
    assert (result.verdict, "anybody may write it" in result.reason) == ("unknown", True)
