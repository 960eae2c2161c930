"""What the smoke tests of abathur work with: the service, its database on the host, their own data.

The caller says where in the environment (see `Place`) and names the host with testinfra's --hosts.
What a test makes carries the run's mark and is removed through the service; `no_trace` counts.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.smoke.abathur.client import Data, Documents, Service

STORES = Path(__file__).parents[3] / "systems" / "abathur" / "stores.yml"
# Runs on the host: reads only, and answers in JSON however many questions it is given.
READ = """
import json, sqlite3, sys, urllib.parse
uri = "file:" + urllib.parse.quote(sys.argv[1]) + "?mode=ro"
database = sqlite3.connect(uri, uri=True, timeout=5)
print(json.dumps([database.execute(*ask).fetchall() for ask in json.loads(sys.argv[2])]))
"""
MARKED = {
    "sessions": "id LIKE ?",
    "tasks": "id LIKE ? OR created_by LIKE ?",
    "memory_entries": "namespace LIKE ?",
    "audit": "task_id LIKE ? OR memory_namespace LIKE ?",
    "document_index": "file_path LIKE ?",
    "agents": "task_id LIKE ?",
    "state": "task_id LIKE ?",
    "checkpoints": "task_id LIKE ?",
    "metrics": "labels LIKE ?",
    "document_embeddings_data": "document_id NOT IN (SELECT id FROM document_index)",
    "document_embeddings": "rowid NOT IN (SELECT rowid FROM document_embeddings_data)",
}


@dataclass(frozen=True)
class Place:
    """Where the system under test is; each field is the environment variable of its name."""

    url: str
    release: str
    database: str
    python: str
    documents: str


@pytest.fixture(scope="session")
def place() -> Place:
    """The place that the caller's environment names."""
    found = {
        name: os.environ.get(f"STAGEGATE_{name.upper()}", "") for name in Place.__annotations__
    }
    missing = [f"STAGEGATE_{name.upper()}" for name, value in found.items() if not value]
    if missing:
        pytest.exit(f"the smoke tests need {', '.join(missing)} in the environment", returncode=4)
    return Place(**found)


@pytest.fixture(scope="session")
def expected() -> dict[str, list[str]]:
    """The tables and indexes that the system declares, by name."""
    declared = yaml.safe_load(STORES.read_text(encoding="utf-8"))
    names: dict[str, list[str]] = declared["stores"][0]["expect"]
    return names


@pytest.fixture(scope="session")
def mark() -> str:
    """What everything made by this run carries in its name."""
    return f"smoke-{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def service(place: Place) -> Service:
    """The service under test."""
    return Service(place.url)


@pytest.fixture
def data(service: Service, mark: str) -> Iterator[Data]:
    """A maker of data; what it made is gone after the test."""
    made = Data(service, mark)
    yield made
    made.remove()


@pytest.fixture(scope="module")
def on_host(host: Any, place: Place) -> Callable[..., str]:
    """Run a Python program on the host; it must succeed."""

    def run(program: str, *arguments: str) -> str:
        slots = " ".join(["%s"] * len(arguments))
        done = host.run(f"%s -c %s {slots}", place.python, program, *arguments)
        assert done.rc == 0, done.stderr
        output: str = done.stdout
        return output

    return run


@pytest.fixture(scope="module")
def database(on_host: Callable[..., str], place: Place) -> Callable[..., list[list[Any]]]:
    """Read the database on the host: one list of rows for each (statement, values)."""

    def read(*questions: tuple[str, list[Any]]) -> list[list[Any]]:
        rows: list[list[Any]] = json.loads(on_host(READ, place.database, json.dumps(questions)))
        return rows

    return read


@pytest.fixture
def documents(on_host: Callable[..., str], service: Service, place: Place) -> Iterator[Documents]:
    """A maker of documents; their files and index rows are gone after the test."""
    made = Documents(on_host, service, place.documents)
    yield made
    made.remove(*sorted(made.written))


@pytest.fixture(scope="module", autouse=True)
def no_trace(database: Callable[..., list[list[Any]]], mark: str) -> Iterator[None]:
    """Prove that the tests of a module leave no row of theirs in any table."""
    questions = [
        (f"SELECT count(*) FROM {table} WHERE {rows}", [f"%{mark}%"] * rows.count("?"))
        for table, rows in MARKED.items()
    ]

    def count() -> dict[str, int]:
        return {table: rows[0][0] for table, rows in zip(MARKED, database(*questions), strict=True)}

    before = count()
    yield
    assert count() == before
