"""Servers, releases and databases for the tests of sparkle."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from examples.building import Member, Tree
from examples.sparkle.build import SYSTEM
from tests.servers import postgresql, redis
from tests.unit.examples.sparkle.helpers import OWNER, Database, Release, Running


def write_tree(tree: Tree, folder: Path) -> None:
    """Write files below `folder`."""
    for name, member in tree.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(member.data)
        target.chmod(member.mode)


@pytest.fixture(scope="session")
def libraries() -> Tree:
    """The locked dependencies, from the cache that `make artifacts` fills."""
    return SYSTEM.libraries("1.0")


@pytest.fixture(scope="session")
def release(libraries: Tree) -> Iterator[Callable[[str], Release]]:
    """Unpack a release's own files; the libraries are unpacked once for all."""
    with tempfile.TemporaryDirectory(prefix="stagegate-sparkle-") as made:
        root = Path(made)
        write_tree(libraries, root)

        def unpack(version: str) -> Release:
            folder = root / version
            if not folder.exists():
                tree = SYSTEM.source_of(version)
                manifest = Member(SYSTEM.manifest(version, tree), 0o644)
                write_tree({**tree, "manifest.json": manifest}, folder)
            return Release(folder, root / "lib")

        yield unpack


@pytest.fixture(scope="session")
def cluster() -> Iterator[postgresql.Cluster]:
    """A PostgreSQL with the role that owns sparkle's tables."""
    with postgresql.running() as running:
        running.sql(f"CREATE ROLE {OWNER} LOGIN")
        yield running


@pytest.fixture(scope="session")
def cache() -> Iterator[redis.Server]:
    """A Redis."""
    with redis.running() as server:
        yield server


@pytest.fixture(scope="session")
def database(
    cluster: postgresql.Cluster, release: Callable[[str], Release]
) -> Callable[..., Database]:
    """Return a new database at the schema of a release, a copy of one that was migrated once."""
    numbers, templates = itertools.count(1), dict[str, Database]()

    def create(name: str, template: str) -> Database:
        cluster.sql(f"CREATE DATABASE {name} OWNER {OWNER} TEMPLATE {template}")
        return Database(cluster, name)

    def make(version: str, name: str = "") -> Database:
        if version not in templates:
            templates[version] = create(f"schema_{version.replace('.', '_')}", "template0")
            release(version).upgrade(templates[version].url)
        return create(name or f"test_{next(numbers)}", templates[version].name)

    return make


@pytest.fixture(scope="session")
def lived_in(database: Callable[..., Database]) -> Database:
    """The database that `service` runs on."""
    return database("1.1")


@pytest.fixture(scope="session")
def service(
    release: Callable[[str], Release], lived_in: Database, cache: redis.Server
) -> Iterator[Running]:
    """Release 1.1, running with its cache; many tests use it, each with a user of its own."""
    given = {"SPARKLE_REDIS": cache.url, "SPARKLE_REDIS_PASSWORD_FILE": str(cache.password_file)}
    with release("1.1").started(lived_in.url, **given) as running:
        yield running


@pytest.fixture
def user(service: Running) -> int:
    """A user of the service."""
    return service.new_user()
