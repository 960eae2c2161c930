"""The roles, their modules and the drivers know the same actions."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from stagegate.plain.driver import NAMES

ROLES = Path(__file__).parents[3] / "roles"
both = pytest.mark.parametrize("role", ["store_jsonl", "store_files"])


@both
def test_the_specification_lists_every_action(role: str) -> None:
    spec = yaml.safe_load((ROLES / role / "meta" / "argument_specs.yml").read_text())
    options = spec["argument_specs"]["main"]["options"]
    assert sorted(options["store_action"]["choices"]) == sorted(NAMES)


@both
def test_the_documentation_lists_and_explains_every_action(role: str) -> None:
    source = (ROLES / role / "library" / f"{role}.py").read_text()
    found = re.search(r'DOCUMENTATION = r"""(.*?)"""', source, re.DOTALL)
    assert found is not None
    action = yaml.safe_load(found.group(1))["options"]["action"]
    assert sorted(action["choices"]) == sorted(NAMES)
    explained = [re.match(r"C\((\w+)\)", line) for line in action["description"]]
    assert sorted(match.group(1) for match in explained if match) == sorted(NAMES)


@both
def test_the_readme_names_every_action(role: str) -> None:
    readme = (ROLES / role / "README.md").read_text()
    assert all(f"| `{name}` |" in readme for name in NAMES)
