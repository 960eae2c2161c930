"""``python -m tests.fuzz.parameters --inputs 1000000 --seed 1``: what modules and plans are given.

Each reader of parameters gets good ones in which something is replaced, lost, added or of another
type. It takes them or raises one of the project's own errors, whose words a terminal can show.
"""

from __future__ import annotations

import copy
import random
import re
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from stagegate import secret_files
from stagegate.errors import BadInput, StagegateError
from stagegate.files_store.task import Task as FilesTask
from stagegate.gates.spec import read_spec
from stagegate.gates.windows import read_windows
from stagegate.glue import RUN_OPTIONS
from stagegate.haproxy.model import Task as DoorTask
from stagegate.jsonl.rules import Rules
from stagegate.jsonl_store.task import Task as JsonlTask
from stagegate.plan import wave_sizes
from stagegate.postgresql.task import Task as PostgresqlTask
from stagegate.redis.task import Task as RedisTask
from stagegate.release.request import read_request
from stagegate.service.model import read_fleet
from stagegate.service.unit import render_unit
from stagegate.signing.model import faults
from stagegate.sqlite.task import Task as SqliteTask
from stagegate.validate import check_options
from tests.fuzz.values import spoil
from tests.fuzz.words import run_main
from tests.security.fields import definitions

RUN: dict[str, Any] = {
    "id": "20251126T193000Z-0a1b",
    "epoch": 1,
    "system": "demo",
    "host": "h1",
    "state": "/var/lib/stagegate/demo",
    "exclusive": True,
}
PLACE = {"name": "memory", "path": "/srv/demo/current/data", "owner": "root", "keep": 3}
RELEASE = {"kind": "archive", "version": "1.1", "digest": "sha256:" + "0" * 64}
SERVICE = {
    "name": "demo-api",
    "description": "answers",
    "command": ["/srv/demo/current/bin/api", "--port", "8000"],
    "environment": {"PORT": "8000"},
    "writable": ["/srv/demo/data"],
    "after": ["network.target"],
    "hardening": {"MemoryMax": "1G"},
    "stop_within": 10,
    "health": {"url": "http://127.0.0.1:8000/health", "ready_within": 5},
}
GATE = {
    "name": "errors",
    "source": {"kind": "log", "path": "/var/log/demo", "match": {"level": "error"}},
    "unit": "count",
    "statistic": "delta",
    "limit": 5,
}
WINDOWS = [{"name": "first minutes", "from": "0m", "to": "5m", "every": "30s", "gates": ["errors"]}]


def store(**noun: Any) -> dict[str, Any]:
    """The parameters of a store's driver."""
    common = {"action": "probe", "phase": "preflight", "run": RUN, "release": RELEASE}
    return {**common, "store": {**PLACE, **noun}, "keep_daily": 30}


def store_of_redis(**noun: Any) -> dict[str, Any]:
    """The same for Redis, of whose content a release declares nothing."""
    noun = {"name": "cache", "owner": "root", "keep": 3, **noun}
    return {"action": "probe", "phase": "preflight", "run": RUN, "store": noun, "keep_daily": 30}


def units(params: dict[str, Any]) -> None:
    """The services, and the unit file of each."""
    fleet = read_fleet(params)
    for service in fleet.services:
        render_unit(service, fleet)


def nouns(params: dict[str, Any]) -> None:
    """All that a user writes: by its specification, and what is good there any further."""
    found = check_options(params, DEFINITION.options)
    assert all(str(problem).isprintable() for problem in found), found
    if found:
        raise BadInput(str(found[0]))
    faults(params.get("sign_offs") or [], params.get("checklist") or [])
    wave_sizes(params["rollout_waves"], 7)
    read_windows(params.get("windows") or [], ["errors"])


def spec_of(module: str) -> dict[str, Any]:
    """The types of a module's parameters, from its documentation."""
    source = (ROOT / module).read_text()
    found = re.search(r'DOCUMENTATION = r"""(.*?)"""', source, re.DOTALL)
    assert found is not None, module
    told = yaml.safe_load(found.group(1))["options"]
    kept = ("type", "elements", "required", "choices", "default")
    options = {name: {k: v for k, v in one.items() if k in kept} for name, one in told.items()}
    return {**options, **({"run": RUN_OPTIONS} if "run" in options else {})}


Reader = Callable[[dict[str, Any]], object]
ROOT = Path(__file__).resolve().parents[2]
DEFINITION = definitions()[0]
SYSTEM = {
    **DEFINITION.values,
    "windows": WINDOWS,
    "sign_offs": [{"role": "QA lead", "expires": "24h", "lines": ["A-1"]}],
    "checklist": [{"id": "A-1", "text": "it works", "proof": "attest:QA lead"}],
}
MODULES: Mapping[str, tuple[str, Reader, dict[str, Any]]] = {
    "files": ("roles/store_files", FilesTask.from_params, store()),
    "jsonl": ("roles/store_jsonl", JsonlTask.from_params, store(key="id", rules={"deepest": 9})),
    "sqlite": ("roles/store_sqlite", SqliteTask.from_params, store(expect={"tables": ["a"]})),
    "postgresql": (
        "roles/store_postgresql",
        PostgresqlTask.from_params,
        store(database="demo", owner="demo", port=5432, expect={"indexes": ["a"]}),
    ),
    "redis": (
        "roles/store_redis",
        RedisTask.from_params,
        store_of_redis(data="/var/lib/redis", unit="redis", port=6379, address="127.0.0.1"),
    ),
    "rules": (
        "library/jsonl_validate.py",
        lambda p: Rules.from_params({k: p[k] for k in ("deepest", "policy", "kinds") if p.get(k)}),
        {"path": "/srv/demo", "deepest": 9, "policy": {}, "kinds": []},
    ),
    "door": (
        "roles/traffic_haproxy",
        DoorTask.from_params,
        {"action": "close", "run": RUN, "traffic": {"host": "p", "backend": "b", "server": "s"}},
    ),
    "release": (
        "roles/release_archive",
        read_request,
        {"action": "stage", "run": RUN, "release": RELEASE, "release_root": "/srv/demo"},
    ),
    "services": (
        "roles/service_systemd",
        units,
        {"action": "prepare", "run": RUN, "services": [SERVICE], "service_user": "demo"},
    ),
    "secrets": (
        "roles/secret_files",
        secret_files.read_secrets,
        {
            "action": "place",
            "run": RUN,
            "paths": ["/etc/demo/key"],
            "owners": ["root"],
            "contents": ["canary"],
        },
    ),
    "gates": (
        "library/metric_gate.py",
        lambda p: read_spec(p["gates"], p["services"], p["synthetic"]),
        {"action": "gate", "run": RUN, "gates": [GATE], "services": [SERVICE], "synthetic": {}},
    ),
}
"""The module that is called, the reader of its parameters, and good ones."""

NOUNS = "nouns"
SPECS = {
    name: ArgumentSpecValidator(
        spec_of(place if place.endswith(".py") else f"{place}/library/{Path(place).name}.py")
    )
    for name, (place, _, _) in MODULES.items()
}


def run_fuzz(inputs: int, seed: int) -> Counter[str]:
    """Give each reader so many; returns how they were judged. Raises AssertionError."""
    chance, found = random.Random(seed), Counter[str]()
    names = [*MODULES, NOUNS]
    for number in range(inputs):
        name = chance.choice(names)
        good = SYSTEM if name == NOUNS else MODULES[name][2]
        params: Any = copy.deepcopy(good)
        for _ in range(chance.choice((0, 1, 1, 2))):
            params = spoil(chance, params)
        found[judge(name, params, number)] += 1
    return found


def by_type(name: str, given: dict[str, Any]) -> dict[str, Any] | None:
    """The parameters as Ansible hands them over; None where it refuses or cannot read them."""
    try:
        checked = SPECS[name].validate(given)
    except (TypeError, OverflowError):
        return None
    return None if checked.error_messages else dict(checked.validated_parameters)


def judge(name: str, given: Any, number: int) -> str:
    """How the parameters were taken. Raises AssertionError for any error but the project's."""
    if not isinstance(given, dict):
        return "no parameters"
    try:
        if name == NOUNS:
            nouns(given)
        else:
            checked = by_type(name, given)
            if checked is None:
                return "refused by type"
            MODULES[name][1](checked)
    except StagegateError as error:
        return f"refused with code {error.code}"
    except Exception as error:
        raise AssertionError(f"{number}: {name}: {error!r}; given {given}") from error
    return "taken"


def main() -> int:
    """Read, and say what was found."""
    return run_main("parameters", __doc__, run_fuzz)


if __name__ == "__main__":
    raise SystemExit(main())
