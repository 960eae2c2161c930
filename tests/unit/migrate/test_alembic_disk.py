"""A migration that fills the server's disk: nothing of it stays, and users write on."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from stagegate.errors import StepFailed
from tests.servers import place as servers
from tests.servers.postgresql import Cluster
from tests.unit.migrate.alembic_site import FIRST, Site, line, release

LARGE = 'op.execute("CREATE TABLE large AS SELECT g, repeat(md5(g::text), 20) FROM ' + (
    'generate_series(1, 100000) g")'
)


@pytest.fixture
def small_disk(cluster: Cluster) -> Iterator[Path]:
    """A file system of 24 MB on which the server may keep databases; only root may mount one."""
    with servers.folder("stagegate-disk-", cluster.admin) as folder:
        disk = folder / "disk"
        disk.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(disk)]
        if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode:
            pytest.skip("this machine mounts nothing for us")
        os.chown(disk, folder.stat().st_uid, folder.stat().st_gid)
        yield disk
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_migration_that_fills_the_disk_is_rolled_back_and_users_write_on(
    site: Site, cluster: Cluster, small_disk: Path
) -> None:
    cluster.sql(f"CREATE TABLESPACE small LOCATION '{small_disk}'")
    cluster.sql(f"CREATE DATABASE words_small TABLESPACE small OWNER {site.owner}")
    small = replace(site, database="words_small")
    try:
        small.begin()
        with pytest.raises(StepFailed, match="No space left on device") as failure:
            small.apply(release(small.place / "1.1", line(FIRST, ("r2", LARGE))))
        assert "nothing was committed" in failure.value.now
        assert small.revision() == "r1"
        assert not small.has("large")
        small.sql("INSERT INTO words VALUES (1, 'afterwards')")
        assert small.sessions() == 0
    finally:
        cluster.sql("DROP DATABASE words_small WITH (FORCE)")
        cluster.sql("DROP TABLESPACE small")
