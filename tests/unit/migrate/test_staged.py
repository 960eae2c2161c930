"""Only what was reviewed and staged may migrate anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stagegate.errors import BadInput
from stagegate.journal import open_journal
from stagegate.migrate import sql
from stagegate.release.stage import stage
from stagegate.release.tree import remove_tree
from tests.unit.release.helpers import Host, archive_bytes, make_host
from tests.unit.release.test_stage import rewrite


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """A host on which 1.1 is staged."""
    made = make_host(tmp_path)
    stage(made.request("1.1", archive_bytes("1.1")), check_mode=False)
    yield made
    remove_tree(made.root.path)


def edited(migrations: Path) -> None:
    rewrite(migrations / "0001.sql", b"drop table sessions;\n")


def one_more(migrations: Path) -> None:
    migrations.chmod(0o755)
    (migrations / "0002.sql").write_text("drop table users;")
    migrations.chmod(0o555)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [(edited, r"migrations/0001\.sql has other content"), (one_more, r"migrations/0002\.sql")],
)
def test_no_migration_begins_that_is_not_the_one_that_was_staged(
    host: Host, spoil: Callable[[Path], None], words: str
) -> None:
    place, database = host.root.release("1.1"), host.place / "copy.db"
    spoil(place / "migrations")
    store = {"name": "memory", "migrations": {"directory": "migrations"}}
    params = {"database": database, "release_path": place, "python": "/none", "deadline": 5}
    with open_journal(host.run) as journal, pytest.raises(BadInput, match=words) as caught:
        sql.apply(journal, "migrate", store, params)
    assert caught.value.code == 12
    assert "no migration was begun" in caught.value.now
    assert not database.exists()
