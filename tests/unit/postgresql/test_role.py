"""The role, its module and the driver know the same actions."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from stagegate.postgresql.driver import NAMES

ROLE = Path(__file__).parents[3] / "roles" / "store_postgresql"


def test_the_specification_lists_every_action() -> None:
    spec = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text())
    options = spec["argument_specs"]["main"]["options"]
    assert sorted(options["store_action"]["choices"]) == sorted(NAMES)


def test_the_documentation_lists_and_explains_every_action() -> None:
    source = (ROLE / "library" / "store_postgresql.py").read_text()
    found = re.search(r'DOCUMENTATION = r"""(.*?)"""', source, re.DOTALL)
    assert found is not None
    action = yaml.safe_load(found.group(1))["options"]["action"]
    assert sorted(action["choices"]) == sorted(NAMES)
    explained = [re.match(r"C\((\w+)\)", line) for line in action["description"]]
    assert sorted(match.group(1) for match in explained if match) == sorted(NAMES)


def test_the_readme_names_every_action() -> None:
    readme = (ROLE / "README.md").read_text()
    assert all(f"| `{name}` |" in readme for name in NAMES)
