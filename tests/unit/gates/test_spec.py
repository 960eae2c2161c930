"""What a user writes is read completely or refused with every mistake in it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from stagegate.errors import BadInput
from stagegate.gates.fields import Fields, is_loopback
from stagegate.gates.matching import Matcher, examples
from stagegate.gates.spec import read_gate, read_spec
from stagegate.gates.windows import read_windows, stretched
from tests.unit.gates.helpers import gate, read_one, services, spec_of

BASE = "http://127.0.0.1:9"
SQL = {"kind": "sql", "path": "/nowhere", "query": "SELECT 1"}
JSON = {"kind": "http_json", "url": f"{BASE}/x", "path": "a.b"}
METRIC = {"kind": "prometheus_text", "url": f"{BASE}/metrics", "metric": "m"}
LOG = {"kind": "log", "path": "/log"}


def mistakes(*raw: dict[str, Any], synthetic: Any = None) -> str:
    with pytest.raises(BadInput) as caught:
        spec_of(*raw, base=BASE, synthetic=synthetic)
    assert caught.value.code == 12
    return caught.value.what


def relative(to: str = "baseline", **how: Any) -> dict[str, Any]:
    return gate(SQL, relative={"to": to, **how})


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (gate({**METRIC, "alive_metric": "m"}, limit=1), "must be another metric"),
        (gate(SQL, limt=1), "gates[0] (g).limt: unknown key; did you mean limit?"),
        (gate(SQL, limit=1, samples={"mn": 3}), "(g).samples.mn: unknown key; did you mean min?"),
        (gate({**JSON, "pth": "x"}, limit=1), "(g).source.pth: unknown key; did you mean path?"),
        (
            gate({**METRIC, "metrik": "x"}, limit=1),
            "metrik: unknown key; did you mean metric?",
        ),
        (gate({**METRIC, "of": {"metrc": "x"}}, limit=1), "source.of.metrc: unknown key"),
        (gate(SQL, relative={"to": "baseline", "max_facter": 2}), "did you mean max_factor?"),
        (gate({**SQL, "zebra": 1}, limit=1), "source.zebra: unknown key; known: "),
        (gate({"kind": "http-json"}, limit=1), "did you mean http_json?"),
        (gate(SQL, limit=1, statistic="p90"), "statistic: must be one of"),
        (gate(SQL, limit=1, direction="up"), "direction: must be one of at_most, at_least"),
        (gate({**LOG}, limit=1, statistic="p99"), "log gives rate, delta, not p99"),
        (gate(SQL, limit="100"), "limit: must be a number, not str '100'"),
        (gate(SQL, limit=True), "limit: must be a number, not bool True"),
        (gate(SQL, limit=float("nan")), "limit: must be a finite number"),
        (gate(SQL, limit=float("inf")), "limit: must be a finite number"),
        (gate(SQL, limit=10**400), "limit: must be a finite number"),
        (gate(SQL, range=[1, float("nan")]), "range.high: must be a finite number"),
        (gate(SQL, range=[5, 1]), "range: 5 is above 1"),
        (gate(SQL, range=[5]), "range.low: is missing"),
        (gate(SQL), "has no rule"),
        (gate(SQL, target=5), "target: needs a limit"),
        (gate(SQL, target=200, limit=100), "target: 200 is above the limit 100"),
        (
            gate(SQL, direction="at_least", target=50, limit=85),
            "target: 50 is below the limit 85",
        ),
        (gate(SQL, equals=1, limit=2), "equals: cannot be combined"),
        (gate(SQL, unit="furlongs", limit=1), "unit: is none of ms, s, %"),
        (gate(SQL, relative={"to": "baseline"}), "needs exactly one of max_factor"),
        (
            gate(SQL, relative={"to": "baseline", "max_factor": 2, "max_percent": 5}),
            "needs exactly one of max_factor",
        ),
        (gate(SQL, relative={"to": "canary", "max_factor": 2}), "to: must be one of baseline"),
        (gate(SQL, relative={"to": "baseline", "max_factor": 0.5}), "needs 1 <= target_factor"),
        (
            gate(SQL, relative={"to": "baseline", "max_factor": 2, "target_factor": 3}),
            "needs 1 <= target_factor <= max_factor",
        ),
        (gate(SQL, relative={"to": "baseline", "max_points": 1}), "points are for the unit %"),
        (
            gate(SQL, baseline="none", relative={"to": "baseline", "max_factor": 2}),
            "none contradicts relative",
        ),
        (
            gate(LOG, statistic="delta", relative={"to": "baseline", "max_factor": 2}),
            "do not compare",
        ),
        (
            gate(JSON, limit=1, samples={"min": 50, "for": 1}),
            "50 samples cannot be read in 3",
        ),
        (gate(JSON, limit=1, samples={"min": 0}), "min: must be a whole number, at least 1"),
        (gate(JSON, limit=1, samples={"every": 0}), "every: must be from 0.05 s"),
        (gate(JSON, limit=1, samples={"for": "5 fortnights"}), "for: must be seconds"),
        (gate(JSON, limit=1, statistic="rate", samples={"for": 0}), "longer than 0"),
        (gate({**JSON, "url": "ftp://x/"}, limit=1), "must be an http or https url"),
        (gate({**JSON, "url": "http://u:p@127.0.0.1:9/"}, limit=1), "without credentials"),
        (gate({**JSON, "url": "http://elsewhere:1/"}, limit=1), "name one of app"),
        (gate({**JSON, "service": "ap"}, limit=1), "no service 'ap'; name one of app"),
        (gate({**METRIC, "labels": {"a": "~("}}, limit=1), "labels: a pattern is no regular"),
        (gate({**METRIC, "labels": {"a": ["x"]}}, limit=1), "labels.a: must be a plain value"),
        (gate({**LOG, "format": "regex"}, limit=1, statistic="rate"), "pattern: is missing"),
        (
            gate({**LOG, "format": "regex", "pattern": "x"}, limit=1, statistic="rate"),
            "needs named groups",
        ),
        (
            gate({"kind": "probe", "service": "app"}, limit=1, statistic="p99"),
            "no synthetic",
        ),
        (gate({"kind": "version", "service": "no"}, equals=1), "name one of app"),
        (gate({}, limit=1), "source.kind: is missing"),
        ({"unit": "ms", "limit": 1, "source": SQL}, "gates[0].name: is missing"),
        (gate(SQL, limit=1, severity="shoud"), "severity: must be one of must, should, nice"),
        (gate(SQL, target_range=[1, 2]), "target_range: needs a range"),
        (gate(SQL, range=[1, 2], target_range=[0, 2]), "must lie inside the range"),
        (gate(SQL, range=[1, 2], target_range=[None, 2]), "must lie inside the range"),
        (gate(SQL, range=[1, None]), "range.high: is missing"),
        (relative(), "needs exactly one of max_factor, max_percent, max_points, range_factor"),
        (relative(max_factor=2, range_factor=[1, 2]), "needs exactly one of"),
        (relative(range_percent=[-40, -60]), "range_percent: -40 is above -60"),
        (relative(range_percent=[None, None]), "of which one may be null"),
        (relative(range_percent=-40), "must be [low, high]"),
        (relative(range_factor=[-1, 2]), "a factor is not below 0"),
        (relative(range_points=[1, 2]), "points are for the unit %"),
        (relative(range_factor=[3, 5], target_range=[2, 5]), "must lie inside the range"),
        (relative(max_factor=2, to="same_hour"), "same_hour needs a prometheus source"),
        (gate(JSON, sustained={"limit": 1}), "sustained.for: is missing"),
        (gate(JSON, sustained={"limit": 1, "for": 1, "fro": 1}), "did you mean for?"),
        (gate(JSON, sustained={"limit": 1, "for": 1, "target": 2}), "looser than the limit"),
        (gate(JSON, sustained={"limit": 1, "for": 1, "target_for": 2}), "needs a target"),
        (gate(JSON, consecutive={"limit": 1, "samples": 1}), "samples: must be a whole number"),
        (gate(JSON, deadline={"limit": 1}), "deadline.by: is missing"),
        (gate(JSON, statistic="rate", sustained={"limit": 1, "for": 1}), "has no series for rate"),
        (gate(JSON, counts={"rate": 1, "see": 2}), "needs statistic rate of log, probe"),
        (gate(LOG, statistic="rate", counts={"see": 2}), "exactly one of to: baseline and rate"),
        (gate(LOG, statistic="rate", counts={"rate": 2, "see": 1}), "is no worse than the rate"),
        (
            gate(LOG, statistic="rate", counts={"rate": 1, "see": 2, "alpha": 0.9}),
            "alpha: must be above 0 and at most 0.2",
        ),
        (
            gate(LOG, statistic="rate", counts={"rate": 1, "see": 2, "target_alpha": 0.001}),
            "amber comes before red",
        ),
        (gate(JSON, ranks={"to": "baseline", "max_percent": 9}), "see_percent: is missing"),
        (
            gate(JSON, ranks={"to": "baseline", "max_percent": 9, "see_percent": 9}),
            "must be more than max_percent",
        ),
        (gate({"kind": "recorded", "path": "/x"}, limit=1), "not_older_than: is missing"),
        (
            gate({"kind": "command", "argv": ["/x"], "service": "app"}, limit=1),
            "a bare number does not tell whose it is",
        ),
    ],
)
def test_a_mistake_is_named_with_its_path(raw: dict[str, Any], said: str) -> None:
    assert said in mistakes(raw)


def test_all_mistakes_are_told_at_once() -> None:
    told = mistakes(gate(SQL, limt=1), gate({**SQL, "pat": "x"}, name="h", limit="5"), gate(SQL))
    for part in ("limt", "gates[1] (h).source.pat", "limit: must be a number", "used twice"):
        assert part in told


@pytest.mark.parametrize("raw", [None, "text", 5, ["list"]])
def test_what_is_no_mapping_is_refused(raw: Any) -> None:
    assert "must be a mapping" in mistakes(raw)


@pytest.mark.parametrize(
    ("synthetic", "said"),
    [
        ({"requests_per_second": 5, "urls": ["http://example.org/"]}, "on this machine"),
        ({"requests_per_second": 5, "urls": []}, "must be a list of urls"),
        ({"requests_per_second": 0, "urls": [f"{BASE}/"]}, "must be above 0"),
        ({"requests_per_second": 9999, "urls": [f"{BASE}/"]}, "at most 500"),
        ({"request_per_second": 5, "urls": [f"{BASE}/"]}, "did you mean requests_per_second?"),
    ],
)
def test_synthetic_traffic_stays_on_this_machine(synthetic: Any, said: str) -> None:
    assert said in mistakes(synthetic=synthetic)


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://127.0.0.1:8000/", True),
        ("http://127.8.9.1/", True),
        ("http://[::1]:80/", True),
        ("http://localhost/", True),
        ("http://localhost.example.org/", False),
        ("http://10.0.0.1/", False),
        ("http://127.0.0.1.example.org/", False),
        ("nonsense", False),
    ],
)
def test_this_machine_is_known_by_its_address(url: str, local: bool) -> None:
    assert is_loopback(url) is local


def test_durations_are_seconds_or_words() -> None:
    problems: list[str] = []
    fields = Fields({"a": "500ms", "b": "5m", "c": 2, "d": "1.5h"}, "x", problems)
    assert [fields.seconds(key, 0.0) for key in "abcd"] == [0.5, 300.0, 2.0, 5400.0]
    assert not problems


@pytest.mark.parametrize(
    ("source", "statistic", "samples", "minimum"),
    [
        (JSON, "value", {}, 6),
        (JSON, "value", {"every": 0.1, "for": 1}, 6),
        (METRIC, "p99", {}, 20),
        (METRIC, "value", {}, 6),
        ({**METRIC, "of": {"metric": "n"}}, "rate", {}, 20),
        (METRIC, "rate", {}, 6),
        (SQL, "value", {}, 1),
        (LOG, "rate", {}, 20),
    ],
)
def test_the_default_minimum_counts_what_the_source_counts(
    source: dict[str, Any], statistic: str, samples: dict[str, Any], minimum: int
) -> None:
    read = read_one(gate(source, statistic=statistic, samples=samples, limit=1))
    assert read.samples.minimum == minimum


@pytest.mark.parametrize(
    ("text", "value", "holds"),
    [
        ("200", "200", True),
        ("200", "201", False),
        ("!200", "201", True),
        ("~5..", "503", True),
        ("~5..", "5034", False),
        ("!~/health|/metrics", "/sessions", True),
        ("!~/health|/metrics", "/health", False),
        ("", "", True),
    ],
)
def test_matchers_match_whole_values(text: str, value: str, holds: bool) -> None:
    assert Matcher("status", text).holds(value) is holds


@pytest.mark.parametrize(
    "text", ["200", "!200", "~5..", "~/sessions.*", "~a|b", "!~/health|/metrics", "~error|critical"]
)
def test_an_example_meets_its_matcher(text: str) -> None:
    found = examples((Matcher("anything", text),))
    assert found is not None
    assert Matcher("anything", text).holds(found["anything"])


def test_no_status_matches_a_pattern_that_is_none() -> None:
    assert examples((Matcher("status", "~5xx"),)) is None


WINDOW = {"name": "First minutes", "from": "0m", "to": "5m", "every": "30s"}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"gates": ["q"]}, "there is no gate q; known: g"),
        ({"to": 0}, "to: must be from"),
        ({"from": "6m"}, "to: must be later than from"),
        ({"evry": 3}, "did you mean every?"),
        ({"gates": []}, "must be a list of gates' names"),
    ],
)
def test_a_window_is_read_or_refused(more: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=re.escape(said)):
        read_windows([{**WINDOW, **more}], ["g"])


def test_a_window_is_compressed_by_its_scale() -> None:
    raws = [gate(JSON, limit=1, samples=None), gate(SQL, name="once", limit=1, samples=None)]
    raws.append(gate(METRIC, name="p99", statistic="p99", limit=1, samples={"min": 40}))
    spec = spec_of(*raws, base=BASE)
    [window] = read_windows([WINDOW], [g.name for g in spec.gates])
    assert window.step == "first_minutes"
    for scale, lasting, polls in ((1.0, 300.0, 11), (0.02, 6.0, 11)):
        polled, once, counted = stretched(spec, window, scale).gates
        assert polled.samples.lasting == pytest.approx(lasting)
        assert polled.samples.polls == polls
        assert once.samples.polls == 2
        assert counted.samples.minimum == 40


PROJECT = Path(__file__).resolve().parents[3]
EVERY_RULE: dict[str, Any] = {
    "range": [1, 2],
    "target_range": [1, 2],
    "relative": {"to": "baseline", "range_factor": [1, 2], "target_range": [1, 2]},
    "sustained": {"limit": 1, "for": 1, "target": 1, "hole": 1},
    "consecutive": {"limit": 1, "samples": 2, "target": 1, "target_samples": 2, "hole": 1},
    "deadline": {"limit": 1, "by": 1},
    "counts": {"to": "baseline", "see": 1},
    "ranks": {"to": "baseline", "max_percent": 1, "see_percent": 2},
}


def test_every_key_is_described_once() -> None:
    """The argument spec of the role describes exactly the keys that are read."""
    spec = yaml.safe_load((PROJECT / "roles/gate/meta/argument_specs.yml").read_text())
    described = spec["argument_specs"]["main"]["options"]["gate_gates"]["options"]
    problems: list[str] = []
    known: dict[str, set[str]] = {}

    class Noted(Fields):
        def close(self) -> None:
            below = self.path.removeprefix("gates[0]").removeprefix(" (g)").strip(".")
            known.setdefault(below, set()).update(self.known)

    with pytest.MonkeyPatch.context() as patch:
        for module in ("fields", "spec"):
            patch.setattr(f"stagegate.gates.{module}.Fields", Noted)
        listed = [s for s in (read_services()) if s]
        for source in (JSON, METRIC, SQL, LOG, {**LOG, "format": "regex", "pattern": "(?P<a>x)"}):
            for statistic in ("value", "rate"):
                raw = gate(source, statistic=statistic, limit=1)
                for how in ("factor", "percent", "points"):
                    raw["relative"] = {"to": "baseline", f"max_{how}": 2}
                    read_gate(raw, 0, listed, problems, 5.0)
        for source in ({"kind": "probe"}, {"kind": "version", "service": "app"}):
            read_gate(gate({**source}, limit=1), 0, listed, problems, 5.0)
        for kind in ("prometheus", "command", "recorded"):
            read_gate(gate({"kind": kind}, **EVERY_RULE), 0, listed, problems, 5.0)
        read_gate(gate({**SQL, "engine": "postgresql"}, limit=1), 0, listed, problems, 5.0)
    assert known[""] == set(described)
    below = {key: set(one["options"]) for key, one in described.items() if "options" in one}
    assert {key: known[key] for key in below} == below


def read_services() -> Any:
    return read_spec([], services(BASE)).services


SYSTEMS = sorted(path.parent.name for path in (PROJECT / "systems").glob("*/gates.yml"))


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_gates_of_every_system_are_written_right(system: str) -> None:
    """Rendered as Ansible renders them, from all that the system says of itself."""
    loader = DataLoader()
    told: dict[str, Any] = {"release_version": "1.1", "data_root": "/data", "expects_users": True}
    for path in sorted((PROJECT / "systems" / system).glob("*.yml")):
        told |= loader.load_from_file(str(path), trusted_as_template=True)
    nouns = Templar(loader, told).template({key: told[key] for key in ("gates", "synthetic")})
    health = {"url": "http://127.0.0.1:8000/health"}
    spec = read_spec(
        nouns["gates"], [{"name": f"{system}-api", "health": health}], nouns["synthetic"]
    )
    assert len(spec.gates) == len(nouns["gates"]) > 5
    assert read_windows(told["windows"], [gate.name for gate in spec.gates])
