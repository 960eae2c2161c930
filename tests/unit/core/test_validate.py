"""Bad input is refused with the path of the key, the reason and the nearest right name."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from plugins.action.system_validate import system_options
from stagegate.errors import BadInput
from stagegate.plan import (
    deployment_plan,
    is_part,
    lacking,
    serves,
    takes_lock,
    wave_of,
    wave_sizes,
)
from stagegate.validate import check_names, check_options, nearest

OPTIONS = system_options("none")

GOOD: dict[str, Any] = {
    "system": "demo",
    "service_user": "demo",
    "rollout_waves": [1, "100%"],
    "state_root": "/var/lib/stagegate",
    "release_root": "/srv/demo",
    "data_root": "/var/lib/demo",
    "artifact_root": "/srv/dist",
    "python": "/usr/bin/python3",
    "service_manager": "systemd",
    "traffic_manager": "none",
    "stores": [
        {
            "name": "memory",
            "kind": "sqlite",
            "path": "/var/lib/demo/current/demo.db",
            "migrations": {"kind": "sql"},
        }
    ],
    "release": {
        "kind": "archive",
        "version": "1.1",
        "source": "/srv/dist/demo-1.1.tar",
        "digest": "sha256:" + "0" * 64,
    },
    "services": [
        {"name": "demo-api", "command": ["/bin/true"], "health": {"url": "http://127.0.0.1:8000"}}
    ],
    "smoke": {"suite": "tests/smoke/demo", "expected": 35, "url": "http://127.0.0.1:8000"},
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """GOOD with one value replaced, or removed when the value is ...."""
    copy = yaml.safe_load(yaml.safe_dump(GOOD))
    *parents, last = [int(p) if p.isdigit() else p for p in path.split(".")]
    place = copy
    for parent in parents:
        place = place[parent]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return copy


def test_a_good_definition_has_no_problem() -> None:
    assert check_options(GOOD, OPTIONS) == []


CASES = [
    ("stores.0.pth", "/x", "stores[0].pth: unknown key; did you mean path?"),
    ("stores.0.kind", "sqlit", "stores[0].kind: 'sqlit' is not possible; did you mean sqlite?"),
    ("stores.0.name", ..., "stores[0].name: missing"),
    ("stores.0.path", "/var/../etc/x", "stores[0].path: '/var/../etc/x' must be written without"),
    ("stores.0.path", "var/x", "stores[0].path: 'var/x' must be an absolute path"),
    ("stores.0.path", 7, "stores[0].path: must be of type path, not int (7)"),
    ("stores", {}, "stores: must be of type list, not dict"),
    ("release.version", "1.0;reboot", "release.version: '1.0;reboot' is not a version"),
    ("release.version", "{{ 7 }}", "release.version: '{{ 7 }}' has a template marker"),
    ("release.version", "-rf", "release.version: '-rf' is not a version"),
    ("release.version", 1.1, "release.version: must be of type str, not float (1.1)"),
    ("release.digest", "sha256:0", "release.digest: 'sha256:0' is not sha256:"),
    ("release.migration_class", "compatable", "did you mean compatible?"),
    ("services.0.health.url", "http://x\n", "services[0].health.url: 'http://x\\n' has a"),
    ("services.0.comand", [], "services[0].comand: unknown key; did you mean command?"),
    ("services.0.environment", {"A": "{% raw %}"}, "services[0].environment.A: "),
    ("smoke.expected", True, "smoke.expected: must be of type int, not bool (True)"),
    ("smoke.expected", "35", "smoke.expected: must be of type int, not str ('35')"),
    ("system", "Demo System", "system: 'Demo System' is not a name"),
    ("service_manager", "sytemd", "did you mean systemd?"),
]


@pytest.mark.parametrize(("path", "value", "words"), CASES)
def test_each_mistake_is_named(path: str, value: Any, words: str) -> None:
    problems = [str(problem) for problem in check_options(changed(path, value), OPTIONS)]
    assert len(problems) == 1
    assert words in problems[0]


@pytest.mark.parametrize("content", ["canary\n", "{{ canary }}", 7, ["canary"]])
def test_no_answer_tells_a_secret(content: Any) -> None:
    secrets = [{"path": "/etc/demo/key", "owner": "demo", "content": content}]
    problems = [str(p) for p in check_options({**GOOD, "secrets": secrets}, OPTIONS)]
    assert len(problems) == (0 if isinstance(content, str) else 1)
    assert "canary" not in "".join(problems)


def test_a_name_that_stands_twice_is_named() -> None:
    twice = changed("stores", [GOOD["stores"][0], GOOD["stores"][0]])
    assert [str(p) for p in check_options(twice, OPTIONS)] == [
        "stores[1].name: 'memory' stands twice"
    ]


def test_hostile_text_is_shown_harmless() -> None:
    problem = str(check_options(changed("system", "\x1b[31m" + "x" * 500), OPTIONS)[0])
    assert "\x1b" not in problem
    assert len(problem) < 200


def test_a_misspelt_noun_is_found_among_all_variables() -> None:
    found = check_names(["stoers", "stores", "ansible_host", "api_port"], list(OPTIONS))
    assert [str(p) for p in found] == ["stoers: unknown variable; did you mean stores?"]


def test_the_nearest_name_is_given_or_all_of_them() -> None:
    assert nearest("1.l", ["1.0", "1.1"]).startswith("did you mean 1.")
    assert nearest("zzz", ["b", "a"]) == "known here: a, b"


WAVES = [
    ([1, "50%", "100%"], 6, [1, 3, 2]),
    ([1, "50%", "100%"], 1, [1, 0, 0]),
    ([1, "50%", "100%"], 3, [1, 1, 1]),
    ([1, "10%", "50%", "100%"], 10, [1, 1, 5, 3]),
    (["100%"], 4, [4]),
    ([2, 2], 4, [2, 2]),
]


@pytest.mark.parametrize(("waves", "hosts", "sizes"), WAVES)
def test_waves_take_every_host_once(waves: list[Any], hosts: int, sizes: list[int]) -> None:
    assert wave_sizes(waves, hosts) == sizes
    serving = {f"h{n}": True for n in range(hosts)}
    taken = [wave_of(name, serving, waves, "one_way") for name in serving]
    assert [taken.count(n) for n in range(1, len(sizes) + 1)] == sizes
    assert taken == sorted(taken)


@pytest.mark.parametrize(
    ("migration_class", "taken"),
    [("compatible", [1, 1, 1, 2, 3]), ("reversible", [1] * 5), ("one_way", [1] * 5)],
)
def test_hosts_that_share_a_store_wait_for_nobody_when_only_the_new_release_can_use_it(
    migration_class: str, taken: list[int]
) -> None:
    serving = {"db": False, "door": False, "a1": True, "a2": True, "a3": True}
    waves = [1, "50%", "100%"]
    assert [wave_of(name, serving, waves, migration_class) for name in serving] == taken


def test_a_way_down_that_the_migrations_do_not_have_is_refused() -> None:
    release = {**GOOD["release"], "migration_class": "reversible"}
    with pytest.raises(BadInput, match="migrate_sql of the store memory has no way down"):
        deployment_plan(release, "1.0", {"memory": ["0002"]}, GOOD, True)


@pytest.mark.parametrize("waves", [[1], ["50%"], [1, "half"], [1, 1, 1, 1, 1, "100%"], []])
def test_waves_that_leave_hosts_out_are_refused(waves: list[Any]) -> None:
    with pytest.raises(BadInput):
        wave_sizes(waves, 7)


TAGS = [
    (["all"], True),
    (["smoke"], False),
    (["backup"], False),
    (["release"], True),
    (["smoke", "restart"], False),
    (["rollback"], False),
]


@pytest.mark.parametrize(("tags", "expected"), TAGS)
def test_only_a_deployment_or_a_staging_begins_a_run(tags: list[str], expected: bool) -> None:
    assert takes_lock(tags) is expected


def test_a_phase_that_changes_things_is_a_part_of_a_run() -> None:
    assert is_part(["migrate"])
    assert not is_part(["smoke"])
    assert not is_part(["all"])


LACKING = [
    ("migrate", set(), "quiesce.hold"),
    ("migrate", {("quiesce", "hold")}, ""),
    ("restart", {("quiesce", "hold")}, "migrate.seal:m"),
    ("restart", {("quiesce", "hold"), ("migrate", "seal:m")}, ""),
    ("admit", {("restart", "start")}, "smoke.smoke"),
    ("gate", set(), ""),
]


@pytest.mark.parametrize(("phase", "done", "step"), LACKING)
def test_no_phase_is_destructive_by_itself(
    phase: str, done: set[tuple[str, str]], step: str
) -> None:
    assert lacking(phase, done, ["m"]) == step


PLANS = [
    ("1.0", {"m": ["0002"]}, True, False),
    ("1.1", {"m": []}, True, True),
    ("1.1", {"m": []}, False, False),
    ("1.1", {"m": ["0003"]}, True, False),
    ("", {"m": ["0001"]}, False, False),
]


@pytest.mark.parametrize(("live", "pending", "well", "noop"), PLANS)
def test_a_release_that_runs_whole_and_well_is_left_alone(
    live: str, pending: dict[str, list[str]], well: bool, noop: bool
) -> None:
    plan = deployment_plan(GOOD["release"], live, pending, GOOD, well)
    assert plan["noop"] is noop
    assert plan["migrate"] == {name: names for name, names in pending.items() if names}
    assert (plan["from"], plan["to"]) == (live, "1.1")


def service(**changes: Any) -> dict[str, Any]:
    health = {"version": "1.1", "instance": "i", "fault": "", **changes.pop("health", {})}
    return {"active": True, "unit": "same", "health": health, **changes}


SERVES = [
    (service(), True),
    (service(active=False), False),
    (service(unit="differs"), False),
    (service(health={"version": "1.0"}), False),
    (service(health={"fault": "status 500"}), False),
]


@pytest.mark.parametrize(("one", "expected"), SERVES)
def test_a_release_serves_only_when_all_its_services_do(
    one: dict[str, Any], expected: bool
) -> None:
    assert serves({"a": service(), "b": one}, "1.1") is expected
