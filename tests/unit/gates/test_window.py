"""All gates of a call share one window: read together, and each source only once."""

from __future__ import annotations

import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from stagegate.gates.model import Reader, Reading
from stagegate.gates.window import guarded, merge, run_window
from tests.unit.gates.helpers import (
    FakeService,
    ask,
    gauge_gate,
    histogram_gate,
    json_gate,
    share_gate,
    spec_of,
)


def test_all_sources_are_read_at_once() -> None:
    """Each read waits until all three are under way; one after the other they would never end."""
    together = threading.Barrier(3)
    readers = [Reader((i,), lambda: together.wait(5), (0.0,), 5.0) for i in range(3)]
    readings = run_window(readers, None)
    assert [readings[(i,)][0].failure for i in range(3)] == [""] * 3


def test_gates_on_one_endpoint_share_its_scrapes(
    service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: Counter[str] = Counter()
    original = service.answer

    def counting(handler: BaseHTTPRequestHandler) -> None:
        asked[handler.path] += 1
        original(handler)

    monkeypatch.setattr(service, "answer", counting)
    raws = [histogram_gate(service.base), share_gate(service.base), gauge_gate(service.base)]
    raws = [{**raw, "name": str(i)} for i, raw in enumerate(raws * 4)]
    results = ask(spec_of(*raws, base=service.base))
    assert [result.verdict for result in results] == ["green"] * 12
    assert asked["/metrics"] <= 3


def test_gates_of_different_length_share_a_source_and_not_each_others_samples(
    service: FakeService,
) -> None:
    short = json_gate(service.base, name="short", samples={"min": 1, "every": 0.05, "for": 0.05})
    long = json_gate(service.base, name="long", samples={"min": 1, "every": 0.1, "for": 1})
    results = {r.gate.name: r for r in ask(spec_of(short, long, base=service.base))}
    assert results["short"].measured.count <= 2 < results["long"].measured.count


def test_a_read_that_never_comes_back_is_a_failure_and_not_a_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("stagegate.gates.window.GRACE", 0.05)
    never = threading.Event()
    readings = run_window([Reader(("x",), lambda: never.wait(60), (0.0,), 0.05)], None)
    never.set()
    [reading] = readings[("x",)]
    assert reading.failure == "no answer when the window closed"


def test_times_that_a_slow_read_ran_over_are_left_out_but_the_last_is_read() -> None:
    pause = threading.Event()
    times = (0.0, 0.01, 0.02, 0.03, 0.5)
    readings = run_window([Reader(("x",), lambda: pause.wait(0.1), times, 1.0)], None)
    due = [reading.due for reading in readings[("x",)]]
    assert (due[0], due[-1]) == (0.0, 0.5)
    assert not {0.01, 0.02} & set(due)


def test_readers_of_one_source_become_one() -> None:
    def read() -> int:
        return 7

    one, other = Reader(("k",), read, (0.0, 1.0), 1.0), Reader(("k",), read, (0.5, 1.0), 2.0)
    [both] = merge([one, other])
    assert (both.times, both.deadline) == ((0.0, 0.5, 1.0), 2.0)


@pytest.mark.parametrize(
    "error", [KeyError("x"), RecursionError(), MemoryError(), OSError(5, "io")]
)
def test_any_failure_is_told_and_kept_to_itself(error: Exception) -> None:
    def fail() -> int:
        raise error

    value, words = guarded(fail)
    assert value is None
    assert type(error).__name__ in words


def test_an_interrupt_is_not_a_failure_of_a_gate() -> None:
    def interrupted() -> int:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        guarded(interrupted)


def test_a_reading_without_a_due_time_belongs_to_every_gate() -> None:
    assert Reading(3.0).due == 0.0


def test_the_package_stays_free_of_ansible() -> None:
    import stagegate.gates

    folder = Path(str(stagegate.gates.__file__)).parent
    assert not [p.name for p in folder.rglob("*.py") if "import ansible" in p.read_text()]
