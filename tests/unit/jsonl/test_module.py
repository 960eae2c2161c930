"""The module is what its documentation says, and ends as Ansible expects it."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

import stagegate
from stagegate.errors import BadInput
from stagegate.jsonl.act import act
from stagegate.jsonl.model import ACCEPT, KINDS, BadLines, FileChanged

ROOT = Path(__file__).parents[3]


@pytest.fixture
def module() -> Iterator[ModuleType]:
    """The module as Ansible would run it, with the core under the name that it has on a host."""
    before, attributes = set(sys.modules), dict(vars(stagegate))
    sys.modules["ansible.module_utils.stagegate"] = stagegate
    spec = importlib.util.spec_from_file_location("validate", ROOT / "library/jsonl_validate.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    yield loaded
    # An import below the other name hangs a second copy of a package on the first one's parent.
    vars(stagegate).clear()
    vars(stagegate).update(attributes)
    for name in set(sys.modules) - before:
        if name.startswith("ansible.module_utils.stagegate"):
            del sys.modules[name]


def params(module: ModuleType, path: Path, **more: Any) -> dict[str, Any]:
    given = {"path": str(path), **more}
    result = ArgumentSpecValidator(module.argument_spec()).validate(given)
    assert result.error_messages == []
    return dict(result.validated_parameters)


def test_the_module_is_documented_as_it_is(module: ModuleType) -> None:
    options = yaml.safe_load(module.DOCUMENTATION)["options"]
    spec = module.argument_spec()
    assert set(options) == set(spec)
    for name, option in spec.items():
        for key in ("type", "required", "default", "choices", "elements"):
            assert options[name].get(key) == option.get(key), (name, key)
    told = options["policy"]["description"][0]
    acceptable = {kind for kind, (may, _) in KINDS.items() if may}
    assert {kind for kind in KINDS if f"C({kind})" in told} == acceptable
    (example,) = yaml.safe_load(module.EXAMPLES)
    example["jsonl_validate"].pop("quarantine")
    params(module, Path(example["jsonl_validate"].pop("path")), **example["jsonl_validate"])


def test_a_good_file_changes_nothing(module: ModuleType, tmp_path: Path) -> None:
    path, side = tmp_path / "x.jsonl", tmp_path / "side.jsonl"
    path.write_bytes(b'{"a":1}\n')
    result = act(params(module, path, quarantine=str(side)), False)
    assert result["changed"] is False
    assert result["evidence"]["verdict"] == "green"
    assert json.loads(json.dumps(result)) == result
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("check", [True, False])
def test_a_bad_file_fails_with_its_evidence(
    module: ModuleType, check: bool, tmp_path: Path
) -> None:
    path, side = tmp_path / "x.jsonl", tmp_path / "side.jsonl"
    path.write_bytes(b'{"a":1}\nno\n')
    with pytest.raises(BadLines) as caught:
        act(params(module, path, quarantine=str(side)), check)
    result = caught.value.as_result()
    assert result["changed"] is True
    assert result["evidence"]["findings"][0]["line"] == 2
    assert side.exists() is not check
    assert json.loads(json.dumps(result)) == result


def test_accepted_torn_tails_are_kept_and_pass(module: ModuleType, tmp_path: Path) -> None:
    path, side = tmp_path / "x.jsonl", tmp_path / "side.jsonl"
    path.write_bytes(b'{"a":1}\n{"a":')
    given = params(module, path, quarantine=str(side), policy={"torn_tail": ACCEPT})
    result = act(given, False)
    assert result["evidence"]["verdict"] == "green"
    assert result["evidence"]["quarantine"]["bytes"] == 5
    assert act(given, False)["changed"] is False


def test_a_home_sign_is_no_path(module: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="must be an absolute path"):
        act(params(module, Path("~/facts.jsonl")), False)


def test_a_file_that_changed_has_a_code_of_its_own() -> None:
    assert (BadLines({}, "x").code, FileChanged({}, "x").code) == (21, 22)


def test_ansible_runs_it(tmp_path: Path) -> None:
    path, side = tmp_path / "x.jsonl", tmp_path / "side.jsonl"
    path.write_bytes(b'{"a":1}\n' * 3_000_000 + b"no\n")
    given = json.dumps({"path": str(path), "quarantine": str(side)})
    ansible = str(Path(sys.executable).with_name("ansible"))
    done = subprocess.run(
        [ansible, "localhost", "-c", "local", "-m", "jsonl_validate", "-a", given],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2, done.stderr
    assert "line 3000001 (byte 24000000)" in done.stdout
    assert side.exists()
