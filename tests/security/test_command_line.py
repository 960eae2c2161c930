"""Nothing that a command line or an inventory says runs a program on the controller."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from plugins.action.command_line_validate import extra_variable_problems, lookup_problems
from stagegate.entry import core_problem, program_lookups, read_vault_problems
from tests.integration.story.stage import Stage
from tests.security.hostile import CONTROL, templates

ROOT = Path(__file__).resolve().parents[2]
PIPE = 'lookup(\\"pipe\\",\\"touch CANARY\\")'

GIVEN = {
    "a template": """-e '{"resume": "{{ %s }}"}'""",
    "an escape of JSON": """-e '{"data_root": "/x{\\u007b %s }}"}'""",
    "an escape of key=value": """-e 'data_root="/x\\x7b{ %s }}"'""",
    "inside a list": """-e '{"gates": [{"name": "{\\u007b %s }}"}]}'""",
    "as a key": """-e '{"releases": {"{\\u007b %s }}": {}}}'""",
}
"""Ways to write a template on a command line; four of them hide its marker."""


@pytest.mark.parametrize("given", GIVEN.values(), ids=GIVEN.keys())
def test_a_template_on_the_command_line_is_refused_however_it_is_written(
    given: str, tmp_path: Path
) -> None:
    stage, canary = Stage(tmp_path / "stage"), tmp_path / "canary"
    stage.home.mkdir()
    assert stage.run("-e release_version=1.0", (given % PIPE).replace("CANARY", str(canary))) != 0
    assert not canary.exists()
    assert "--extra-vars" in stage.said()
    assert "nothing was rendered and nothing was changed" in stage.said()
    assert stage.live() == {}
    assert stage.locked() == []


def test_an_inventory_that_runs_a_program_is_refused_before_it_does(tmp_path: Path) -> None:
    stage, canary = Stage(tmp_path / "stage"), tmp_path / "canary"
    stage.home.mkdir()
    text = templates(canary)["inside a word"]
    stage.nouns = {"baseline": {"known_issues": ["none", text]}}
    assert stage.run("-e release_version=1.0") != 0
    assert "baseline.known_issues[1]: runs a program by a lookup" in stage.said()
    assert not canary.exists()
    assert stage.live() == {}


def test_a_vault_password_that_others_can_read_is_refused(tmp_path: Path) -> None:
    stage, password = Stage(tmp_path / "stage"), tmp_path / "password"
    stage.home.mkdir()
    password.write_text("canary-of-the-vault\n")
    password.chmod(0o644)
    assert stage.run(f"-e release_version=1.0 --vault-password-file {password}") != 0
    assert "the vault password can be read or changed by others (mode 0644)" in stage.said()
    assert "canary-of-the-vault" not in stage.said()
    assert stage.live() == {}


SAID: list[tuple[Mapping[str, Any], str]] = [
    ({"_raw_params": "two"}, "--extra-vars: 'two' belongs to no variable; a value with a space"),
    ({"stagegate_known": True}, "--extra-vars stagegate_known: is a name of the project's own"),
    ({"__preflight_plan": {}}, "--extra-vars __preflight_plan: is a name of the project's own"),
    ({"a\x1bb": "{{ 1 }}"}, "--extra-vars a\\x1bb: '{{ 1 }}' has a template marker"),
    ({"x": [{"y": "a\nb"}]}, "--extra-vars x[0].y: 'a\\nb' has a template marker or a control"),
]


@pytest.mark.parametrize(("given", "words"), SAID)
def test_what_the_command_line_must_not_say_is_named(given: Mapping[str, Any], words: str) -> None:
    (problem,) = extra_variable_problems(given)
    assert str(problem).startswith(words)
    assert str(problem).isprintable()


@pytest.mark.parametrize("text", [*CONTROL.values(), *templates(Path("/canary")).values()])
def test_every_hostile_value_is_refused_on_the_command_line(text: str) -> None:
    assert len(extra_variable_problems({"release_version": text})) == 1
    assert len(extra_variable_problems({"nested": {"inner": [text]}})) == 1


def test_what_people_give_is_taken() -> None:
    given = {
        "release_version": "2.4-slow",
        "resume": "20251126T193000Z-0a1b",
        "accept_data_loss": "12",
        "signed": {"QA lead": "Ada Lovelace"},
        "observe_window_scale": 0.1,
    }
    assert extra_variable_problems(given) == []


def always(text: str) -> bool:
    """Every text of an inventory is rendered."""
    return True


def test_what_a_host_answered_is_no_template_and_stops_nothing() -> None:
    answer = {"live": "{{ lookup('pipe', 'x') }}"}
    assert lookup_problems({"stagegate_observed": answer}, lambda text: False) == []
    assert len(lookup_problems({"stagegate_observed": answer}, always)) == 1


RUNS = [
    "{{ lookup('pipe', 'x') }}",
    '{{ lookup("ansible.builtin.pipe", "x") }}',
    "{{ query( 'lines' , 'x') }}",
    "{{ q('pipe','x') | first }}",
    "{{ lookup(name, 'x') }}",
    "{{ lookup('pi' ~ 'pe', 'x') }}",
    "{% set look = lookup %}{{ look('pipe', 'x') }}",
    "{{ x }}\n{{\n lookup('pipe', 'x')\n}}",
]
LOOKS = [
    "{{ lookup('env', 'USER') | default('root', true) }}",
    "{{ lookup('ansible.builtin.file', 'key.pub') }}",
    "a lookup in a sentence, with {{ a_variable }} in it",
    "sum(rate(query_total[5m])) > {{ limit }}",
    "lookup('pipe', 'x')",
    "{{ q }}",
]


@pytest.mark.parametrize("text", RUNS)
def test_a_lookup_that_runs_a_program_is_known(text: str) -> None:
    assert [path for path, _ in program_lookups({"a": ["b", text]}, "x", always)] == ["x.a[1]"]


@pytest.mark.parametrize("text", LOOKS)
def test_a_lookup_that_only_looks_is_left_alone(text: str) -> None:
    assert list(program_lookups(text, "x", always)) == []


def test_a_lookup_is_found_however_deeply_it_is_nested() -> None:
    deep: Any = "{{ lookup('pipe', 'x') }}"
    for _ in range(5000):
        deep = [deep]
    assert len(list(program_lookups(deep, "x", always))) == 1


def test_no_inventory_of_this_project_runs_a_program() -> None:
    class Loader(yaml.SafeLoader):
        """Reads what Ansible adds to YAML as plain texts."""

    for tag in ("!vault", "!unsafe"):
        Loader.add_constructor(tag, lambda loader, node: loader.construct_scalar(node))
    places = [*(ROOT / "inventories").rglob("*.yml"), *(ROOT / "systems").rglob("*.yml")]
    assert len(places) > 20
    for place in places:
        value = yaml.load(place.read_text(), Loader)
        if isinstance(value, dict):
            assert lookup_problems(value, always) == [], place


@pytest.mark.parametrize(
    ("version", "safe"),
    [("2.19.14", True), ("2.21.0rc1", True), ("3.0", True), ("2.18.6", False), ("2.9", False)],
)
def test_an_ansible_core_with_known_holes_is_refused(version: str, safe: bool) -> None:
    assert (core_problem(version) == []) is safe


@pytest.mark.parametrize("name", ["ANSIBLE_DEBUG", "ANSIBLE_KEEP_REMOTE_FILES"])
def test_ansible_is_not_told_to_tell_what_a_secret_is(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage, canary = Stage(tmp_path / "stage"), "canary-in-a-parameter"
    stage.home.mkdir()
    path = f"{stage.home}/etc/key"
    stage.nouns = {"secrets": [{"path": path, "owner": "root", "content": canary}]}
    monkeypatch.setenv(name, "1")
    assert stage.run("-e release_version=1.0") != 0
    assert f"{name}: " in stage.said()
    assert "this system has secrets" in stage.said()
    assert not Path(path).exists()


MODES = [
    (0o600, True),
    (0o400, True),
    (0o700, True),
    (0o755, True),  # a program: what it prints is the password
    (0o640, False),
    (0o604, False),
    (0o622, False),
    (0o775, False),
]


@pytest.mark.parametrize(("mode", "right"), MODES)
def test_a_vault_password_is_its_owners_alone(mode: int, right: bool, tmp_path: Path) -> None:
    place = tmp_path / "password"
    place.write_text("secret")
    place.chmod(mode)
    found = [str(problem) for problem in read_vault_problems([str(place)])]
    assert (found == []) is right
    assert "secret" not in json.dumps(found)
    assert read_vault_problems([str(place)], [place]) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_vault_password_of_somebody_else_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "password"
    place.write_text("secret")
    place.chmod(0o600)
    os.chown(place, 65534, 65534)
    (problem,) = read_vault_problems([str(place)])
    assert "belongs to user 65534" in str(problem)


def test_a_vault_password_that_is_missing_is_told_by_ansible(tmp_path: Path) -> None:
    assert read_vault_problems([str(tmp_path / "none")]) == []
