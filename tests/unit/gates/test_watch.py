"""Windows that outlive their deployment: what is due, and what the looks of a window say."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

import pytest

from stagegate.gates.watch import (
    BEGIN,
    Look,
    Watch,
    is_due,
    is_over,
    judge_window,
    next_moment,
    standing_watch,
)
from stagegate.gates.windows import Observation
from stagegate.ledger import Entry

HOUR = 3600.0
DAY = Observation("a day", 24 * HOUR, 48 * HOUR, HOUR, ("p99", "errors"))
GOOD, AMBER, RED, DARK = "green", "amber", "red", "unknown"


def look(at: float, verdict: str = GOOD, instance: str = "i1") -> Look:
    """A look whose first gate says ``verdict``; an unknown one could measure nothing at all."""
    other = DARK if verdict == DARK else GOOD
    told = {"verdict": verdict, "reason": f"it is {verdict}"}
    return Look(at, {"p99": told, "errors": {"verdict": other}}, {"api": instance})


def watch(looks: Sequence[Look], window: Observation = DAY, scale: float = 1.0) -> Watch:
    return Watch("r1", 1, "1.1", 0.0, scale, (window,), {window.step: tuple(looks)}, {})


def hourly(verdicts: str) -> list[Look]:
    """A look an hour: g, a, r and u are verdicts, a dot is an hour in which nobody looked."""
    words = {"g": GOOD, "a": AMBER, "r": RED, "u": DARK}
    begin = DAY.begins
    return [look(begin + i * HOUR, words[c]) for i, c in enumerate(verdicts) if c != "."]


VERDICTS = [
    # what was seen, red_after -> verdict, words of the reason, covered
    ("g" * 24, 1, GOOD, "24 looks, all good", 1.0),
    ("g" * 12 + "a" + "g" * 11, 1, AMBER, "p99 missed its target in 1 of 24 looks", 1.0),
    ("g" * 12 + "r" + "g" * 11, 2, AMBER, "p99 missed its target", 1.0),
    ("g" * 22 + "rr", 2, RED, "gate p99: it is red", 1.0),
    ("g" * 21 + "rur", 2, RED, "gate p99: it is red", 22 / 24),
    ("", 1, DARK, "nobody looked", 0.0),
    ("u" * 24, 1, DARK, "no look gave a measurement: it is unknown", 0.0),
    ("g" * 12 + "." * 6 + "g" * 6, 1, DARK, "only 71% of it was seen, 90% must be", 17 / 24),
    ("g" * 12 + "u" * 6 + "g" * 6, 1, DARK, "only 71% of it was seen", 17 / 24),
    ("g" * 12 + "." + "g" * 11, 1, GOOD, "23 looks", 22 / 24),
    ("." * 23 + "g", 1, DARK, "only 4% of it was seen", 1 / 24),
    ("g" + "." * 23, 1, DARK, "was seen", 0.0),
]


@pytest.mark.parametrize(("seen", "red_after", "verdict", "words", "covered"), VERDICTS)
def test_a_window_says_what_its_looks_prove_and_no_more(
    seen: str, red_after: int, verdict: str, words: str, covered: float
) -> None:
    window = Observation(DAY.name, DAY.begins, DAY.ends, HOUR, DAY.gates, red_after=red_after)
    found = judge_window(watch(hourly(seen), window), window)
    assert (found.verdict, round(found.covered, 3)) == (verdict, round(covered, 3))
    assert words in found.reason


def test_a_gap_is_told_with_its_times() -> None:
    found = judge_window(watch(hourly("g" * 12 + "." * 6 + "g" * 6)), DAY)
    assert found.gaps == ((DAY.begins + 11 * HOUR, DAY.begins + 18 * HOUR),)


def test_a_service_that_restarts_is_no_green_window() -> None:
    looks = hourly("g" * 24)
    looks[10:] = [look(one.at, instance="i2") for one in looks[10:]]
    found = judge_window(watch(looks), DAY)
    assert (found.verdict, found.restarts) == (AMBER, 1)


def test_a_red_look_ends_a_window_at_once_and_one_of_two_does_not() -> None:
    now = DAY.begins + 3.5 * HOUR
    patient = Observation(DAY.name, DAY.begins, DAY.ends, HOUR, DAY.gates, red_after=2)
    assert is_over(watch(hourly("ggr")), DAY, now)
    assert not is_over(watch(hourly("ggr"), patient), patient, now)
    assert is_over(watch(hourly("grr"), patient), patient, now)


@pytest.mark.parametrize(
    ("seen", "now", "due", "wait"),
    [
        ("", DAY.begins - 60, False, 60.0),
        ("", DAY.begins, True, 0.0),
        ("", DAY.begins + 5 * HOUR, True, 0.0),
        ("g", DAY.begins + 60, False, HOUR - 60),
        ("g", DAY.begins + HOUR, True, 0.0),
        ("g" * 24, DAY.ends - 60, False, 60.0),
        ("g" * 24, DAY.ends + 60, False, 0.0),
    ],
)
def test_a_look_is_due_a_pace_after_the_last_one(
    seen: str, now: float, due: bool, wait: float
) -> None:
    assert is_due(watch(hourly(seen)), DAY, now) is due
    assert next_moment(watch(hourly(seen)), now) == wait


def test_a_judged_window_asks_for_nothing() -> None:
    done = Watch("r1", 1, "1.1", 0.0, 1.0, (DAY,), {}, {DAY.step: GOOD})
    assert next_moment(done, DAY.begins) is None


def test_compressing_a_window_compresses_its_times_and_not_the_pace_of_a_playbook() -> None:
    compressed = watch([], scale=0.001)
    assert (compressed.start(DAY), compressed.end(DAY)) == (86.4, 172.8)
    assert DAY.pace(0.001) == 10.0
    assert DAY.pace(1.0) == HOUR


def entry(seq: int, run: str, phase: str, step: str, kind: str, **more: Any) -> Entry:
    at = datetime.fromtimestamp(1_800_000_000 + seq, timezone.utc).isoformat()
    return Entry(seq, run, 1, "h1", phase, step, kind, t_wall=at, **more)


def deployed(run: str, first: int, verdict: str = "deployed") -> list[Entry]:
    told = {"name": "a day", "begins": 0.0, "ends": HOUR, "every": 60.0, "gates": ["p99"]}
    state = {"windows": [told], "scale": 1.0, "version": "1.1"}
    return [
        entry(first, run, "preflight", "open", "done", state={"plan": {"to": "1.1"}}),
        entry(first + 1, run, *BEGIN, "observed", state=state),
        entry(first + 2, run, "report", "close", "terminal", state={"verdict": verdict}),
    ]


def test_the_ledger_alone_says_what_is_watched() -> None:
    evidence = {"at": 1_800_000_050.0, "gates": {"p99": {"verdict": GOOD}}}
    entries = [
        *deployed("r1", 1),
        entry(4, "r1", "observe", "look:a_day", "observed", evidence=evidence),
    ]
    found = standing_watch(entries)
    assert found is not None
    assert (found.run, found.version, found.began) == ("r1", "1.1", 1_800_000_002.0)
    assert [one.verdict for one in found.seen(found.windows[0])] == [GOOD]
    assert found.waiting == found.windows
    judged = entry(5, "r1", "observe", "a_day", "failed", evidence={"verdict": RED})
    after = standing_watch([*entries, judged])
    assert after is not None
    assert after.waiting == ()


@pytest.mark.parametrize(
    "after",
    [
        [],
        deployed("r1", 1, "restored"),
        [*deployed("r1", 1), entry(4, "r1", "rollback", "reopen", "observed")],
        [*deployed("r1", 1), *deployed("r2", 4, "restored")],
        [*deployed("r1", 1), *deployed("r2", 4, "fenced")],
    ],
    ids=["nothing", "put back", "going back", "a later one put back", "fenced"],
)
def test_nothing_is_watched_that_is_not_live(after: list[Entry]) -> None:
    assert standing_watch(after) is None


def test_a_later_deployment_takes_the_place_of_the_watch() -> None:
    found = standing_watch([*deployed("r1", 1), *deployed("r2", 4)])
    assert found is not None
    assert found.run == "r2"
