"""The role, its module and the driver know the same actions and the same words."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import yaml

from stagegate.haproxy.driver import NAMES, STEPS
from stagegate.haproxy.model import DRAIN_WITHIN, LAST, READY_WITHIN, SOCKET

ROLE = Path(__file__).parents[3] / "roles" / "traffic_haproxy"
SPECS = yaml.safe_load((ROLE / "meta/argument_specs.yml").read_text())["argument_specs"]
SOURCE = (ROLE / "library/traffic_haproxy.py").read_text()


def documentation() -> dict[str, Any]:
    found = re.search(r'DOCUMENTATION = r"""(.*?)"""', SOURCE, re.DOTALL)
    assert found is not None
    return yaml.safe_load(found.group(1))["options"]


def test_the_role_offers_what_the_module_does_but_the_announcement() -> None:
    options = SPECS["main"]["options"]
    assert options["traffic_action"]["choices"] == [n for n in NAMES if n != "announce"]
    assert options["traffic_last"]["choices"] == list(LAST)
    assert documentation()["action"]["choices"] == list(NAMES)


def test_every_action_is_explained() -> None:
    told = [re.match(r"C\((\w+)\)", line) for line in documentation()["action"]["description"]]
    assert sorted(m.group(1) for m in told if m) == sorted(NAMES)
    readme = (ROLE / "README.md").read_text()
    assert all(f"| `{name}` |" in readme for name in ("probe", *STEPS))


def test_the_documentation_names_every_parameter() -> None:
    tree = ast.parse(SOURCE)
    spec = next(n for n in ast.walk(tree) if getattr(n, "name", "") == "argument_spec")
    returned = next(n for n in ast.walk(spec) if isinstance(n, ast.Return))
    assert isinstance(returned.value, ast.Dict)
    assert [key.value for key in returned.value.keys] == list(documentation())


def test_the_noun_says_what_the_driver_assumes() -> None:
    noun = SPECS["noun"]["options"]
    found = {key: option["default"] for key, option in noun.items() if "default" in option}
    assert found == {"socket": SOCKET, "drain_within": DRAIN_WITHIN, "ready_within": READY_WITHIN}


def test_only_the_proxys_host_is_commanded_and_one_after_the_other() -> None:
    tasks = yaml.safe_load((ROLE / "tasks/main.yml").read_text())
    announce, work = tasks
    assert announce["traffic_haproxy"]["action"] == "announce"
    assert announce["when"] == 'traffic_action == "open"'
    assert "delegate_to" not in announce
    assert work["delegate_to"] == "{{ traffic.host }}"
    assert work["throttle"] == 1
    assert work["traffic_haproxy"]["run"] == "{{ hostvars[traffic.host].stagegate_run }}"
