"""Unit files are exact, escape what users write, and restrict the service."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stagegate.errors import BadInput
from stagegate.journal import Run
from stagegate.service.unit import render_unit
from tests.unit.service.helpers import make_fleet, noun

GOLDEN = Path(__file__).with_name("golden")
RUN = Run("run-1", 1, "abathur", "abathur1", Path("/var/lib/stagegate/abathur"))


def render(**changes: Any) -> str:
    """The unit of one service."""
    fleet = make_fleet(RUN, noun(**changes))
    return render_unit(fleet.services[0], fleet)


def test_the_unit_of_a_plain_service() -> None:
    assert render() == (GOLDEN / "abathur-api.service").read_text()


def test_the_unit_of_a_service_that_needs_more() -> None:
    text = render(
        description="Answers requests, 100% of them",
        command=["/usr/bin/python3", "-u", "$HOME/x", 'say "hi" \\ 50%', ";", ""],
        environment={"A": 'a "quoted" \\ $word 100%', "B": 7, "PYTHONDONTWRITEBYTECODE": "0"},
        writable=["/var/lib/abathur", "/var/log/abathur 2"],
        after=["postgresql.service", "redis.service"],
        stop_within=2.5,
        hardening={
            "MemoryMax": "50%",
            "MemoryDenyWriteExecute": False,
            "RestrictAddressFamilies": ["AF_UNIX"],
        },
    )
    assert text == (GOLDEN / "needs-more.service").read_text()


@pytest.mark.parametrize(
    "key",
    [
        "ExecStart",
        "ExecStartPre",
        "ExecCondition",
        "User",
        "Type",
        "Restart",
        "Environment",
        "EnvironmentFile",
        "WorkingDirectory",
        "ReadWritePaths",
        "[Service]",
        "memory",
    ],
)
def test_hardening_cannot_change_what_runs(key: str) -> None:
    with pytest.raises(BadInput, match="hardening may not set"):
        render(hardening={key: "x"})


@pytest.mark.parametrize("value", ["a\nExecStart=/bin/sh", "a\\", ["x", "y\nz"]])
def test_hardening_stays_on_its_line(value: Any) -> None:
    with pytest.raises(BadInput):
        render(hardening={"MemoryMax": value})


def test_refuses_a_program_whose_path_would_be_expanded() -> None:
    with pytest.raises(BadInput):
        render(command=["/srv/$x/bin/a"])


def test_refuses_to_render_a_service_that_would_run_as_root() -> None:
    fleet = replace(make_fleet(RUN, noun()), user="")
    with pytest.raises(BadInput, match="would run as root"):
        render_unit(fleet.services[0], fleet)


needs_analyze = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd judges its own units"
)


@needs_analyze
def test_systemd_scores_the_unit_under_three(tmp_path: Path) -> None:
    unit = tmp_path / "abathur-api.service"
    unit.write_text(render())
    argv = ["systemd-analyze", "security", "--offline=true", "--threshold=30", str(unit)]
    ended = subprocess.run(argv, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout[-300:]


@needs_analyze
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    command = ["/bin/echo", "$HOME", 'a "b" \\ 50%', ";"]
    unit = tmp_path / "abathur-api.service"
    unit.write_text(render(command=command, environment={"A": 'x "y" \\ %'}))
    argv = ["systemd-analyze", "verify", "--man=no", str(unit)]
    ended = subprocess.run(argv, capture_output=True, text=True)
    assert str(unit.name) not in ended.stderr, ended.stderr


def test_no_word_can_end_its_line_or_its_quotes() -> None:
    words = ["/bin/echo", *(chr(c) for c in range(32, 127)), "'\"\\", '\\"', "%%", "a b"]
    line = next(
        x for x in render(command=words).splitlines() if x.startswith("ExecStart=")
    ).partition("=")[2]
    # systemd's quoting of these words is the shell's inside double quotes, but for % and $.
    assert [w.replace("%%", "%").replace("$$", "$") for w in shlex.split(line)] == words
