"""A fault that comes when the deployment is long over is caught, and the release goes back."""

from __future__ import annotations

from tests.scenario import Stage
from tests.scenario.windows import Watched, looks_in

pytest_plugins = ["tests.scenario.fixtures"]


def test_a_regression_after_forty_five_minutes_goes_back_though_nobody_is_there(
    stage: Stage,
) -> None:
    host = stage.host
    with host.load() as load:
        watched = Watched(stage, "2.7-tires")
        assert (watched.outcome.rc, watched.outcome.verdict) == (0, "deployed"), str(
            watched.outcome
        )
        host.wait_until(lambda entries: looks_in(entries, "five_hours") >= 1)
        assert host.machine.run("touch", "/var/lib/abathur/tired").returncode == 0
        record = watched.reported("restored")
    windows = {w["name"]: w["verdict"] for w in record["hosts"][host.name]["windows"]}
    assert windows["half an hour"] in ("green", "amber")
    assert windows["five hours"] == "red"
    assert "the window five hours is red" in record["message"]["what"]
    assert "five hours" in watched.page()
    stage.assert_invariants("1.1")
    assert not load.lost()
