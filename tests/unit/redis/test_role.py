"""The role, its module and the driver know the same actions and the same words."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import yaml

from stagegate.redis.driver import NAMES
from stagegate.redis.model import Store

ROLE = Path(__file__).parents[3] / "roles" / "store_redis"
SPECS = yaml.safe_load((ROLE / "meta/argument_specs.yml").read_text())["argument_specs"]
SOURCE = (ROLE / "library/store_redis.py").read_text()


def documentation() -> dict[str, Any]:
    found = re.search(r'DOCUMENTATION = r"""(.*?)"""', SOURCE, re.DOTALL)
    assert found is not None
    return yaml.safe_load(found.group(1))["options"]


def test_the_role_offers_every_action_of_its_module() -> None:
    assert SPECS["main"]["options"]["store_action"]["choices"] == list(NAMES)
    assert documentation()["action"]["choices"] == list(NAMES)


def test_every_action_is_explained() -> None:
    told = [re.match(r"C\((\w+)\)", line) for line in documentation()["action"]["description"]]
    assert sorted(m.group(1) for m in told if m) == sorted(NAMES)
    readme = (ROLE / "README.md").read_text()
    assert all(f"| `{name}` |" in readme for name in NAMES)


def test_the_documentation_names_every_parameter() -> None:
    tree = ast.parse(SOURCE)
    spec = next(n for n in ast.walk(tree) if getattr(n, "name", "") == "argument_spec")
    returned = next(n for n in ast.walk(spec) if isinstance(n, ast.Return))
    assert isinstance(returned.value, ast.Dict)
    assert [key.value for key in returned.value.keys] == list(documentation())


def test_the_noun_says_what_the_driver_assumes() -> None:
    noun = SPECS["noun"]["options"]
    store = Store.from_params({"name": "cache", "data": "/x", "unit": "redis"})
    assert noun["address"]["default"] == store.address
    assert noun["port"]["default"] == store.port
    assert noun["reserve_mb"]["default"] << 20 == store.reserve
    assert noun["expendable"]["default"] == store.expendable
    assert {name for name, option in noun.items() if option.get("required")} == {"data", "unit"}
