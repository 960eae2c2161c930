"""A service that cannot be written into a unit safely is refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stagegate.errors import BadInput
from stagegate.service.model import read_service
from tests.unit.service.helpers import make_fleet, make_run, noun


def test_defaults_are_those_of_the_argument_spec() -> None:
    value = noun()
    del value["health"]["ready_within"], value["health"]["stable_for"]
    service = read_service(value)
    assert (service.stop_within, service.health.ready_within, service.health.stable_for) == (
        10,
        20,
        2,
    )
    assert (service.health.version_field, service.health.instance_field) == (
        "version",
        "instance_id",
    )


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Abathur"},
        {"name": "a/b"},
        {"name": "-a"},
        {"name": ""},
        {"command": []},
        {"command": "/bin/true"},
        {"command": ["bin/true"]},
        {"command": ["/bin/../etc/x"]},
        {"command": ["/bin/true", "a\nExecStartPre=/bin/sh"]},
        {"description": "one\ntwo"},
        {"environment": {"A B": "x"}},
        {"environment": {"A": "x\ny"}},
        {"environment": {"A": None}},
        {"environment": {"A": True}},
        {"environment": {"A": ["x"]}},
        {"environment": ["A=x"]},
        {"writable": ["var/lib"]},
        {"writable": ["/var/../etc"]},
        {"writable": ["/var/lib\n"]},
        {"stop_within": "soon"},
        {"stop_within": -1},
        {"stop_within": "nan"},
        {"health": {"url": "https://127.0.0.1:8000/health"}},
        {"health": {"url": "127.0.0.1:8000"}},
        {"health": {"url": "http://user@127.0.0.1/"}},
        {"health": {"url": "http://127.0.0.1:99999/"}},
        {"health": {"url": "http://127.0.0.1/a\r\nX: y"}},
        {"health": {"ready_within": "inf"}},
    ],
)
def test_refuses_what_cannot_be_written_or_asked(change: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        read_service(noun(**change))


def test_refuses_two_services_of_one_name(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="same name"):
        make_fleet(make_run(tmp_path), noun(), noun())


@pytest.mark.parametrize("user", ["root;", "-x", "Ab", "a b"])
def test_refuses_an_account_that_has_no_name(user: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput):
        make_fleet(make_run(tmp_path), noun(), service_user=user)
