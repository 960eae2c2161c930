"""Smoke results as pytest leaves them."""

from __future__ import annotations

import pytest

from stagegate.record.junit import read_junit
from tests.unit.record.made import junit


def test_counts_and_failures():
    told = read_junit(junit({2, 20}))
    assert (told["tests"], told["passed"], told["failed"], told["skipped"]) == (35, 33, 2, 0)
    assert told["failures"][0] == {"name": "test_t02_promise_2", "message": "assert 612 < 500"}
    assert told["cases"][0]["group"] == "connectivity"
    assert told["cases"][-1]["group"] == "performance"


def test_a_file_that_pytest_wrote_is_read(pytester_file):
    told = read_junit(pytester_file.read_bytes())
    assert [c["outcome"] for c in told["cases"]] == ["passed", "failed", "skipped"]
    assert told["cases"][0]["measured"] == "3.2 ms"
    assert told["cases"][2]["message"] == "no vectors"


@pytest.fixture
def pytester_file(tmp_path):
    import subprocess
    import sys

    (tmp_path / "test_some.py").write_text(
        "import pytest\n"
        "def test_one(record_property):\n    record_property('measured', '3.2 ms')\n"
        "def test_two():\n    assert 1 == 2\n"
        "def test_three():\n    pytest.skip('no vectors')\n"
    )
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "addopts="]
    subprocess.run([*argv, "--junitxml=out.xml", "."], cwd=tmp_path, capture_output=True)
    return tmp_path / "out.xml"


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "damaged"),
        (b"<testsuite>", "damaged"),
        (b"\xff\xfe\x00", "damaged"),
        (b"x" * 5_000_001, "more than"),
        (b"<testsuite>" + b"<testcase/>" * 5001 + b"</testsuite>", "5001 cases"),
    ],
)
def test_a_file_that_cannot_be_trusted_gives_no_case_and_says_why(raw, why):
    told = read_junit(raw)
    assert (told["tests"], told["cases"]) == (0, [])
    assert why in told["error"]


def test_a_time_that_is_none_is_left_out():
    told = read_junit(b'<a><testcase name="x" time="nan"/><testcase name="y" time="soon"/></a>')
    assert [c["seconds"] for c in told["cases"]] == [None, None]


def test_the_host_behind_every_name_is_dropped_and_parameters_stay():
    one = b'<a><testcase name="test_x[local]"/><testcase name="test_y[local]"/></a>'
    assert [c["name"] for c in read_junit(one)["cases"]] == ["test_x", "test_y"]
    two = b'<a><testcase name="test_x[1]"/><testcase name="test_x[2]"/></a>'
    assert [c["name"] for c in read_junit(two)["cases"]] == ["test_x[1]", "test_x[2]"]
