"""What preflight learns of a Redis, and what it refuses before anything is touched."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stagegate.errors import BadInput, Refused
from stagegate.redis import probe as probing
from stagegate.redis import scratch
from tests.unit.redis.helpers import Site, wait_for
from tests.unit.redis.test_backup import KEYS


def test_the_facts_of_a_store(appending: Site) -> None:
    facts = appending.do("probe")["evidence"]
    assert facts["version"].startswith("7.")
    assert (facts["role"], facts["replicas"]) == ("master", 0)
    assert facts["keys"] == KEYS
    assert facts["appendonly"]
    assert not facts["torn_appends_are_loaded"]
    assert facts["power_cut_loses"] == "up to the last second"
    assert appending.entries() == []
    assert not (appending.server.data / "dump.rdb").exists()


@pytest.mark.parametrize(
    ("settings", "lost"),
    [
        ({"appendonly": "yes", "appendfsync": "always"}, "none"),
        ({"appendonly": "yes", "appendfsync": "no"}, "what the kernel had not written yet"),
        ({"save": "3600 1"}, "everything since the last snapshot"),
        ({}, "everything"),
    ],
)
def test_the_report_promises_no_more_than_redis_does(
    make_site: Callable[..., Site], settings: dict[str, str], lost: str
) -> None:
    assert make_site(keys=5, **settings).do("probe")["evidence"]["power_cut_loses"] == lost


def test_check_mode_writes_nothing(site: Site) -> None:
    site.state.mkdir()
    before = sorted(site.place.rglob("*"))
    assert site.do("probe", check_mode=True)["evidence"]["keys"] == KEYS
    assert sorted(site.place.rglob("*")) == before


def test_a_silent_server_is_a_refusal(site: Site) -> None:
    site.server.stop()
    with pytest.raises(Refused, match=r"stores\.cache: Redis at .* does not answer"):
        site.do("probe")


def test_another_data_directory_is_refused(site: Site) -> None:
    site.options["data"] = "/var/lib/elsewhere"
    with pytest.raises(Refused, match="is not where Redis keeps its data"):
        site.do("probe")


def test_an_unknown_unit_is_refused(site: Site) -> None:
    site.unit.exists = lambda: False  # type: ignore[method-assign]
    with pytest.raises(Refused, match="has no unit redis-server"):
        site.do("probe")


def test_a_replica_is_refused(site: Site) -> None:
    with site.client() as client:
        client.call("REPLICAOF", "127.0.0.1", 1)
    with pytest.raises(Refused, match="Redis is a replica"):
        site.do("probe")


def test_a_failed_snapshot_is_refused(site: Site) -> None:
    (site.server.data / "dump.rdb").mkdir()
    with site.client() as client:
        client.call("BGSAVE")
        wait_for(0.3)
    with pytest.raises(Refused, match="the last snapshot of Redis failed"):
        site.do("probe")


@pytest.mark.parametrize(
    ("server", "replication", "reason"),
    [
        ({"redis_version": "6.2.14", "redis_mode": "standalone"}, "master", "too old"),
        ({"redis_version": "7.0.15", "redis_mode": "cluster"}, "master", "runs as cluster"),
        ({"redis_version": "what", "redis_mode": "standalone"}, "master", "too old"),
    ],
)
def test_another_kind_of_server_is_refused(
    server: dict[str, str], replication: str, reason: str
) -> None:
    with pytest.raises(Refused, match=reason):
        probing.refuse_kind(server, {"role": replication}, None)  # type: ignore[arg-type]


def test_no_room_is_refused_with_the_numbers(site: Site) -> None:
    site.options["reserve_mb"] = 1 << 40
    with pytest.raises(Refused, match="not enough space"):
        site.do("probe")


def test_no_memory_for_a_second_server_is_refused() -> None:
    told = "MemTotal: 2048 kB\nMemAvailable:    1024 kB\n"
    probing.refuse_no_memory(1024 * 1024, told)
    with pytest.raises(Refused, match=r"needs 1048577 bytes \(2 MB\), available are 1048576"):
        probing.refuse_no_memory(1024 * 1024 + 1, told)


def test_a_host_without_the_programs_is_told_the_package(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scratch, "SEARCHED", "/nowhere")
    with pytest.raises(Refused, match="redis-server is not on this host") as refused:
        site.do("probe")
    assert refused.value.next == "install it: apt install redis-server"


def test_the_last_image_is_never_for_removal(site: Site) -> None:
    site.options["keep"] = 0
    with pytest.raises(BadInput, match="the last backup is never removed"):
        site.do("probe")
