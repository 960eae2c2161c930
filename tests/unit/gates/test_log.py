"""A log gate counts what was written since the deployment began, and only if all of it is there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stagegate.gates.evaluate import Setting
from stagegate.gates.model import SourceFault
from stagegate.gates.sources.log import read_mark
from stagegate.gates.verdict import Result
from tests.unit.gates.helpers import ask, gate, spec_of

QUICK = {"min": 4, "every": 0.05, "for": 0.05}


def line(level: str = "info", **more: Any) -> str:
    return json.dumps({"level": level, **more}) + "\n"


def judged(path: Path, setting: Setting, **more: Any) -> Result:
    source = {"kind": "log", "path": str(path), "match": {"level": "~error|critical"}}
    source.update(more.pop("source", {}))
    raw = gate(source, samples=QUICK, **{"statistic": "delta", "limit": 1, **more})
    return ask(spec_of(raw), setting)[0]


def marked(path: Path) -> Setting:
    return Setting("1.1", {str(path): read_mark(str(path))})


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "app.jsonl"
    path.write_text(line("error") * 50)
    return path


def add(path: Path, text: str) -> None:
    with path.open("a") as handle:
        handle.write(text)


def test_counts_from_the_offset_and_not_before(log: Path) -> None:
    setting = marked(log)
    add(log, line() * 9 + line("error"))
    result = judged(log, setting)
    assert (result.verdict, result.measured.value, result.measured.count) == ("green", 1.0, 10)
    add(log, line("critical"))
    assert judged(log, setting).verdict == "red"


def test_a_share_needs_a_whole(log: Path) -> None:
    setting = marked(log)
    more = {"statistic": "rate", "unit": "%", "limit": 10, "source": {"scale": 100}}
    assert judged(log, setting, **more).verdict == "unknown"
    add(log, line() * 3)
    result = judged(log, setting, **more)
    assert (result.verdict, "3 of at least 4" in result.reason) == ("unknown", True)
    add(log, line() * 6 + line("error"))
    result = judged(log, setting, **more)
    assert (result.verdict, result.measured.value) == ("green", 10.0)


def test_only_the_new_release_is_counted_when_lines_say_who_wrote_them(log: Path) -> None:
    setting = marked(log)
    of = {"of": {"version": "1.1"}}
    add(log, line("error", version="1.0") * 9 + line(version="1.1") * 3)
    assert judged(log, setting, source=of).verdict == "unknown"
    add(log, line(version="1.1"))
    assert judged(log, setting, source=of).verdict == "green"


def test_a_line_that_is_still_being_written_is_left_for_later(log: Path) -> None:
    setting = marked(log)
    add(log, line() * 4 + '{"level": "err')
    assert judged(log, setting).verdict == "green"
    add(log, 'or"}\n' + line("error"))
    assert judged(log, setting).verdict == "red"


@pytest.mark.parametrize(
    ("unparsed", "verdict"), [("unknown", "unknown"), ("ignore", "green"), ("match", "red")]
)
def test_a_stack_trace_between_records_is_not_overlooked(
    log: Path, unparsed: str, verdict: str
) -> None:
    setting = marked(log)
    add(log, line() * 5 + "Traceback (most recent call last):\n[1, 2]\n")
    assert judged(log, setting, source={"unparsed": unparsed}).verdict == verdict


def rotate(path: Path) -> None:
    path.rename(path.with_suffix(".1"))
    path.write_text(line() * 100)


def truncate(path: Path) -> None:
    path.write_text("")


def copytruncate_and_grow(path: Path) -> None:
    with path.open("r+") as handle:
        handle.truncate(0)
        handle.write(line("info", other=True) * 200)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (rotate, "was rotated"),
        (truncate, "was truncated"),
        (copytruncate_and_grow, "was rewritten"),
        (Path.unlink, "No such file"),
    ],
)
def test_a_log_that_is_not_all_there_is_unknown(log: Path, damage: Any, said: str) -> None:
    setting = marked(log)
    damage(log)
    result = judged(log, setting)
    assert result.verdict == "unknown"
    assert said in result.reason


def test_a_log_that_the_deployment_made_is_read_from_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "new.jsonl"
    setting = marked(path)
    assert judged(path, setting).verdict == "unknown"
    path.write_text(line() * 4)
    assert judged(path, setting).verdict == "green"


def test_without_an_offset_nothing_is_known(log: Path) -> None:
    result = judged(log, Setting("1.1"))
    assert result.verdict == "unknown"
    assert "no offset" in result.reason


def test_an_offset_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceFault, match="Is a directory"):
        read_mark(str(tmp_path))


def test_lines_of_any_form_by_named_groups(tmp_path: Path) -> None:
    path = tmp_path / "plain.log"
    path.write_text("")
    setting = marked(path)
    add(path, "12:00 [INFO] fine\n" * 9 + "12:01 [ERROR] not fine\n")
    source = {
        "format": "regex",
        "pattern": r"\[(?P<level>\w+)\]",
        "match": {"level": "ERROR"},
        "scale": 100,
    }
    result = judged(path, setting, statistic="rate", unit="%", limit=5, source=source)
    assert (result.verdict, result.measured.value) == ("red", 10.0)


def test_fields_may_be_deep_and_of_any_type(log: Path) -> None:
    setting = marked(log)
    add(log, line(http={"status": 503, "ok": False}) + line(http={"status": 200}) * 9)
    for match in ({"http.status": "~5.."}, {"http.ok": False}):
        assert judged(log, setting, limit=0, source={"match": match}).measured.value == 1.0


def test_a_log_that_cannot_be_read_in_time_is_unknown(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting = marked(log)
    add(log, line() * 10)
    monkeypatch.setattr("stagegate.gates.sources.log.MOST", 10)
    assert "grew by more than" in judged(log, setting).reason
