"""A migration has the rights of the account that owns the data, and not one more."""

from __future__ import annotations

from pathlib import Path

import pytest

from stagegate.errors import StepFailed
from tests.unit.migrate.alembic_site import FIRST, Site, line, release

BEYOND = {
    "another database": "DROP DATABASE {other}",
    "a new superuser": "CREATE ROLE evil SUPERUSER LOGIN",
    "more rights for itself": 'ALTER ROLE "{owner}" SUPERUSER',
    "the server's own account": "SET ROLE postgres",
    "a program on the server": "COPY words TO PROGRAM 'touch {canary}'",
    "a file on the server": "COPY words TO '{canary}'",
    "a setting of the server": "ALTER SYSTEM SET fsync = off",
    "a language without limits": "CREATE EXTENSION plpython3u",
}


@pytest.mark.parametrize("statement", BEYOND.values(), ids=BEYOND.keys())
def test_a_migration_reaches_nothing_beyond_its_database(site: Site, statement: str) -> None:
    site.begin()
    other, canary = f"{site.database}_other", site.place / "canary"
    site.cluster.sql(f"CREATE DATABASE {other}")
    site.place.chmod(0o777)
    text = statement.format(other=other, owner=site.owner, canary=canary)
    up = f"with op.get_context().autocommit_block():\n    op.execute({text!r})"
    with pytest.raises(StepFailed) as caught:
        site.apply(release(Path(site.place / "1.1"), line(FIRST, ("r2", up))))
    assert "r2.py" in caught.value.what
    assert "is as it was, at the revision r1" in caught.value.now
    assert site.revision() == "r1"
    assert site.cluster.sql("SELECT count(*) FROM pg_roles WHERE rolsuper") == "1"
    assert site.cluster.sql(f"SELECT count(*) FROM pg_database WHERE datname = '{other}'") == "1"
    assert not canary.exists()
    assert site.last().kind == "failed"
