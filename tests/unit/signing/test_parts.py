"""Whatever is changed in a plan, its digest is another one, and the change is told by name."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from stagegate.signing.parts import changes, host_part, plan_digest, plan_parts

NOUNS: dict[str, Any] = {
    "system": "demo",
    "rollout_waves": [1, "100%"],
    "artifact_root": "/home/ada/dist",
    "releases": {"1.0": {"digest": "sha256:0"}, "1.1": {"digest": "sha256:1"}},
    "release": {
        "version": "1.1",
        "source": "/home/ada/dist/demo-1.1.tar",
        "digest": "sha256:1",
        "migration_class": "compatible",
    },
    "stores": [{"name": "memory", "kind": "sqlite", "path": "/var/lib/demo/demo.db"}],
    "services": [{"name": "api", "command": ["/bin/true"]}],
    "gates": [{"name": "p99", "limit": 100}, {"name": "errors", "limit": 0.1}],
    "windows": [{"name": "first", "from": "0s", "to": "5m"}],
    "smoke": {"suite": "tests/smoke/demo", "expected": 35},
    "rehearsal": {"command": ["bin/selftest"]},
    "secrets": [{"path": "/etc/demo/key", "owner": "demo", "content": "hunter2"}],
    "checklist": [{"id": "L-1", "text": "Tested", "proof": "attest:QA lead"}],
    "sign_offs": [{"role": "QA lead", "for": "deploy"}, {"role": "QA lead", "for": "report"}],
}
PLAN: dict[str, Any] = {
    "from": "1.0",
    "to": "1.1",
    "digest": "sha256:1",
    "migration_class": "compatible",
    "migrate": {"memory": ["0002-index"]},
    "noop": False,
}
FILES = {"migrations/0002-index.sql": "a" * 64}


def plan(hosts: tuple[str, ...] = ("h1", "h2"), **more: Any) -> dict[str, Any]:
    """The parts of a plan, with one thing replaced: nouns__gates__0__limit=5."""
    given = {"nouns": copy.deepcopy(NOUNS), "plan": copy.deepcopy(PLAN), "files": dict(FILES)}
    for path, value in more.items():
        *parents, last = [int(p) if p.isdigit() else p for p in path.split("__")]
        place: Any = given
        for key in parents:
            place = place[key]
        place[last] = value
    part = host_part(given["nouns"], given["plan"], given["files"])
    return plan_parts("demo", dict.fromkeys(hosts, part))


CHANGED = [
    ({"hosts": ("h1", "h2", "h3")}, "hosts (h3)"),
    ({"hosts": ("h2", "h1")}, "hosts (h1, h2)"),
    ({"plan__from": "0.9"}, "hosts (h1, h2)"),
    ({"plan__to": "1.2"}, "wanted (to)"),
    ({"plan__digest": "sha256:2"}, "wanted (digest)"),
    ({"plan__migration_class": "one_way"}, "wanted (migration_class)"),
    ({"plan__migrate": {"memory": ["0002-index", "0003-drop"]}}, "migrations (h1, h2)"),
    ({"files": {"migrations/0002-index.sql": "b" * 64}}, "migration files"),
    ({"nouns__rollout_waves": ["100%"]}, "rollout waves"),
    ({"nouns__release__version": "1.2"}, "release (version)"),
    ({"nouns__release__expected_changes": {"t": {}}}, "release (expected_changes)"),
    ({"nouns__stores__0__path": "/other"}, "stores (memory)"),
    ({"nouns__services__0__command": ["/bin/false"]}, "services (api)"),
    ({"nouns__gates__0__limit": 5000}, "gates (p99)"),
    ({"nouns__gates": NOUNS["gates"][:1]}, "gates (errors)"),
    ({"nouns__gates": NOUNS["gates"][::-1]}, "gates (order)"),
    ({"nouns__windows__0__to": "5s"}, "windows (first)"),
    ({"nouns__smoke__expected": 1}, "smoke (expected)"),
    ({"nouns__rehearsal__command": ["/bin/true"]}, "rehearsal (command)"),
    ({"nouns__secrets__0__path": "/tmp/key"}, "secrets"),
    ({"nouns__checklist": []}, "checklist"),
    ({"nouns__sign_offs__0__expires": "900h"}, "sign offs (QA lead for deploy)"),
]


@pytest.mark.parametrize(("change", "words"), CHANGED)
def test_each_change_gives_another_digest_and_its_name(change: dict[str, Any], words: str) -> None:
    before, after = plan(), plan(**change)
    assert plan_digest(before) != plan_digest(after)
    assert any(told.startswith(words) for told in changes(before, after)), changes(before, after)
    assert changes(before, after)[0] != "form"


SAME = [
    {"nouns__artifact_root": "/builds/7/dist"},
    {"nouns__release__source": "/builds/7/dist/demo-1.1.tar"},
    {"nouns__releases": {}},
    {"nouns__secrets__0__content": "changed weekly"},
    {"nouns__gates__0": {"limit": 100, "name": "p99"}},
    {"nouns": dict(reversed(NOUNS.items()))},
    {"plan__noop": True},
]


@pytest.mark.parametrize("change", SAME)
def test_what_is_no_part_of_a_plan_leaves_its_digest(change: dict[str, Any]) -> None:
    assert plan_digest(plan(**change)) == plan_digest(plan())
    assert changes(plan(), plan(**change)) == []


def test_a_noun_of_one_host_alone_counts() -> None:
    same = host_part(NOUNS, PLAN, FILES)
    other = host_part({**NOUNS, "gates": [{"name": "p99", "limit": 5}]}, PLAN, FILES)
    both = plan_parts("demo", {"h1": same, "h2": same})
    mixed = plan_parts("demo", {"h1": same, "h2": other})
    assert changes(both, mixed) == ["gates (errors, p99)"]
    swapped = plan_parts("demo", {"h1": other, "h2": same})
    assert plan_digest(mixed) != plan_digest(swapped)


def test_the_parts_keep_no_secret_and_survive_their_file() -> None:
    text = json.dumps(plan())
    assert "hunter2" not in text
    assert plan_digest(json.loads(text)) == plan_digest(plan())
