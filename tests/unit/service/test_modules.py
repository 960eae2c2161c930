"""The modules of the release, service and traffic drivers are documented as they are."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

import stagegate
from tests.unit.service.helpers import entries, make_run

ROLES = Path(__file__).parents[3] / "roles"
MODULES = [
    "release_archive",
    "release_git",
    "service_systemd",
    "service_supervisor",
    "traffic_none",
]


@pytest.fixture(autouse=True)
def core_where_hosts_find_it() -> Iterator[None]:
    """The core under the name that Ansible gives it on a host."""
    before, attributes = set(sys.modules), dict(vars(stagegate))
    sys.modules["ansible.module_utils.stagegate"] = stagegate
    yield
    # An import below the other name hangs a second copy of a package on the first one's parent.
    vars(stagegate).clear()
    vars(stagegate).update(attributes)
    for name in set(sys.modules) - before:
        if name.startswith("ansible.module_utils.stagegate"):
            del sys.modules[name]


def load(name: str) -> ModuleType:
    """A module as Ansible would run it."""
    place = ROLES / name / "library" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"module_{name}", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def described(options: dict[str, Any]) -> dict[str, Any]:
    """What the documentation says of each option, without the prose."""
    keys = ("type", "required", "default", "choices", "elements")
    return {
        name: {key: option[key] for key in keys if key in option}
        for name, option in options.items()
    }


@pytest.mark.parametrize("name", MODULES)
def test_the_documentation_is_the_argument_spec(name: str) -> None:
    module = load(name)
    spec = described(module.argument_spec())
    spec.get("run", {}).pop("options", None)
    assert described(yaml.safe_load(module.DOCUMENTATION)["options"]) == spec
    assert yaml.safe_load(module.EXAMPLES)[0][name]
    assert yaml.safe_load(module.RETURN)


@pytest.mark.parametrize("name", MODULES)
def test_the_role_offers_every_action_of_its_module(name: str) -> None:
    options = yaml.safe_load((ROLES / name / "meta/argument_specs.yml").read_text())
    choices = options["argument_specs"]["main"]["options"]
    offered = next(o["choices"] for key, o in choices.items() if key.endswith("_action"))
    of = "release_archive" if name == "release_git" else name
    assert offered == load(of).argument_spec()["action"]["choices"]


def test_a_system_without_a_door_records_its_admission(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    params = {
        "run": {"id": run.id, "epoch": run.epoch, "system": run.system, "host": "h"},
        "phase": "admit",
    }
    params["run"]["state"] = str(run.state)
    act = load("traffic_none").act
    for action in ("probe", "close"):
        assert act({**params, "action": action}, False) == {"doors": "none"}
    assert act({**params, "action": "open"}, True) == {"doors": "none"}
    assert entries(run) == []
    act({**params, "action": "open"}, False)
    done = entries(run)[-1]
    assert (done.phase, done.step, done.state) == ("admit", "open", {"doors": "none"})
