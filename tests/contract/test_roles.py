"""The house keeps its own rules: each phase and each driver is whole, small and described once."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from stagegate.plan import PHASES
from stagegate.signing.parts import LEFT_OUT

ROOT = Path(__file__).resolve().parents[2]
ROLES = sorted(path for path in (ROOT / "roles").iterdir() if path.is_dir())
DRIVERS = [
    role
    for role in ROLES
    if role.name.startswith(("store_", "release_", "migrate_", "service_", "traffic_"))
]
STORE_ACTIONS = {
    "probe",
    "backup",
    "verify",
    "compare",
    "stage",
    "seal",
    "activate",
    "forensic",
    "delta",
    "restore",
    "prune",
}
SERVICE_ACTIONS = {"probe", "prepare", "hold", "start", "steady", "restore", "fence"}
RELEASE_ACTIONS = {"inspect", "probe", "stage", "activate", "restore", "prune"}
SHELLS = re.compile(r"^\s*(- )?(ansible\.builtin\.)?(shell|raw|script):", re.MULTILINE)
SECTIONS = [
    "## Purpose",
    "## What it changes",
    "## What it records",
    "## What going back does",
    "## One example",
]


def named(paths: list[Path]) -> Any:
    return pytest.mark.parametrize("role", paths, ids=[path.name for path in paths])


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def task_files() -> list[Path]:
    return [*(ROOT / "roles").glob("*/tasks/*.yml"), *(ROOT / "playbooks").rglob("*.yml")]


@pytest.mark.parametrize("phase", PHASES)
def test_a_phase_has_its_role_and_a_place_in_the_story(phase: str) -> None:
    assert (ROOT / "roles" / phase / "tasks/main.yml").exists()
    in_wave = phase in ("quiesce", "migrate", "restart", "smoke", "admit", "gate")
    story = (ROOT / "playbooks/wave.yml").read_text() if in_wave else ""
    assert (f"name: {phase}" in story) or (ROOT / "playbooks" / f"{phase}.yml").exists()
    assert (ROOT / "playbooks" / f"{phase}.yml").exists()


@named(ROLES)
def test_a_role_is_described(role: Path) -> None:
    readme = (role / "README.md").read_text()
    assert [line for line in readme.splitlines() if line.startswith("## ")] == SECTIONS
    assert "main" in load(role / "meta/argument_specs.yml")["argument_specs"]


@named(ROLES)
def test_defaults_are_what_the_specification_says(role: Path) -> None:
    place = role / "defaults/main.yml"
    values = (load(place) if place.exists() else None) or {}
    options = load(role / "meta/argument_specs.yml")["argument_specs"]["main"].get("options", {})
    described = {k: v["default"] for k, v in options.items() if "default" in v}
    assert {k: v for k, v in values.items() if described.get(k) != v} == {}
    assert set(values) <= set(options)


@named(ROLES)
def test_a_role_names_its_variables_after_itself(role: Path) -> None:
    place = role / "defaults/main.yml"
    values = (load(place) if place.exists() else None) or {}
    family = role.name.split("_")[0]
    assert [k for k in values if not k.startswith((role.name, family))] == []


def choices(role: Path, option: str) -> set[str]:
    options = load(role / "meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    return set(options[option]["choices"])


@named([r for r in DRIVERS if r.name.startswith("store_")])
def test_a_store_driver_keeps_every_promise(role: Path) -> None:
    assert choices(role, "store_action") >= STORE_ACTIONS


@named([r for r in DRIVERS if r.name.startswith("service_")])
def test_a_service_driver_keeps_every_promise(role: Path) -> None:
    assert choices(role, "service_action") >= SERVICE_ACTIONS


@named([r for r in DRIVERS if r.name.startswith("release_")])
def test_a_release_driver_keeps_every_promise(role: Path) -> None:
    assert choices(role, "release_action") >= RELEASE_ACTIONS


@named(DRIVERS)
def test_a_driver_is_parsed_whole_when_it_is_entered(role: Path) -> None:
    """A dynamic include that is broken would abort the run in mid-wave, with no rescue."""
    for path in (role / "tasks").glob("*.yml"):
        assert "include_tasks" not in path.read_text(), path


def test_tasks_run_no_shell_and_swallow_no_failure() -> None:
    for path in task_files():
        text = path.read_text()
        assert not re.search(
            r"^\s*(- )?(ansible\.builtin\.)?(shell|raw|script):", text, re.MULTILINE
        ), path
        assert "ignore_errors" not in text, path
        assert not re.search(r"failed_when: *(false|no)", text), path


def test_files_stay_readable() -> None:
    limits = [("roles/*/tasks/main.yml", 60), ("roles/*/tasks/*.yml", 80), ("playbooks/*.yml", 60)]
    for pattern, limit in limits:
        for path in ROOT.glob(pattern):
            assert len(path.read_text().splitlines()) <= limit, path


def imported(path: Path) -> set[str]:
    """The top-level packages that a file imports absolutely."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(str(node.module).split(".")[0])
    return names


def test_the_core_imports_nothing_that_a_host_may_lack() -> None:
    optional: dict[str, str | tuple[str, ...]] = {
        "supervisor": "service/supervisor.py",
        "psycopg": ("postgresql/", "gates/sources/sql_postgresql_program.py"),
        "alembic": "migrate/alembic_runner.py",
        "sqlalchemy": "migrate/alembic_runner.py",
        "scipy": "gates/inference.py",
        "numpy": "gates/inference.py",
        "orjson": "jsonl/quick.py",
        "jsonschema": "jsonl/schema.py",
    }
    core = ROOT / "plugins/module_utils/stagegate"
    for path in core.rglob("*.py"):
        place = path.relative_to(core).as_posix()
        lacking = imported(path) - set(sys.stdlib_module_names)
        assert all(place.startswith(optional.get(name, "nowhere")) for name in lacking), path


def test_no_variable_crosses_a_role_by_set_fact_but_the_run_and_its_verdict() -> None:
    allowed = re.compile(
        r"stagegate_(run|run_id|known|asked|owner|observed|verdict|failure|outcome)$|release_version$"
    )
    for path in task_files():
        role = path.parts[-3] if path.parts[-2] == "tasks" and "roles" in path.parts else ""
        for task in walk(load(path) or []):
            for name in task.get("ansible.builtin.set_fact") or {}:
                assert allowed.match(name) or name.lstrip("_").startswith(f"{role}_"), (path, name)


def walk(items: list[Any]) -> list[dict[str, Any]]:
    found = []
    for item in items:
        found.append(item)
        for key in ("block", "rescue", "always", "tasks"):
            found += walk(item.get(key) or [])
    return found


def test_everything_a_user_writes_is_a_part_of_the_signed_plan() -> None:
    """A noun that is forgotten there could be changed after people gave their word."""
    written = load(ROOT / "roles/preflight/meta/argument_specs.yml")["argument_specs"]["system"]
    parts = load(ROOT / "roles/sign_off/vars/main.yml")["sign_off_nouns"]
    beside = {"observe_window_scale"}
    assert set(parts) == (set(written["options"]) - set(LEFT_OUT)) | beside
