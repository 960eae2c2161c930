"""What the smoke tests of toon work with: the service, its files and programs, their own data.

The caller says where in the environment (see `Place`) and names the host with testinfra's --hosts.
What a test makes carries the run's mark and is removed through the service; `no_trace` looks.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest

from tests.smoke.toon.client import Data, Service

# Runs on the host: reads only. A line that is no JSON object ends it, with its number and byte.
READ = """
import json, pathlib, sys
facts, contexts, mark = sys.argv[1:]
records, offset = [], 0
for number, line in enumerate(pathlib.Path(facts).read_bytes().splitlines(keepends=True), 1):
    try:
        record = json.loads(line)
        whole = isinstance(record, dict) and line.endswith(b"\\n")
    except ValueError:
        whole = False
    if not whole:
        sys.exit(f"line {number}, byte {offset}, is no record")
    records.append(record)
    offset += len(line)
names = [path.name for path in pathlib.Path(contexts).iterdir()]
print(json.dumps({
    "lines": len(records),
    "bytes": offset,
    "records": [record for record in records if mark in json.dumps(record)],
    "removed": [record["deletes"] for record in records if "deletes" in record],
    "contexts": [name for name in names if mark in name],
}))
"""


@dataclass(frozen=True)
class Place:
    """Where the system under test is; each field is the environment variable of its name."""

    url: str
    release: str
    root: str
    facts: str
    contexts: str
    python: str
    python_toon: str

    @property
    def wanted_toon(self) -> str:
        """The version of python-toon that the release must have been built with."""
        known: dict[str, str] = json.loads(self.python_toon)
        return known.get(self.release, known["others"])


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
def mark() -> str:
    """What everything made by this run carries."""
    return f"smoke-{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def service(place: Place) -> Iterator[Service]:
    """The service under test."""
    with closing(Service(place.url)) as asked:
        yield asked


@pytest.fixture
def data(service: Service, mark: str) -> Iterator[Data]:
    """A maker of data; what it made is gone after the test."""
    made = Data(service, mark)
    yield made
    made.remove()


@pytest.fixture(scope="module")
def program(host: Any, place: Place) -> Callable[..., Any]:
    """Run a program of the release on the host, as the service's files are known there."""
    known = f"TOON_FACTS={place.facts} TOON_CONTEXTS={place.contexts} TOON_URL={place.url}"

    def run(name: str, *arguments: str, **other: str) -> Any:
        given = " ".join([known, *(f"{key}={value}" for key, value in other.items())])
        slots = " ".join(["%s"] * len(arguments))
        return host.run(
            f"env {given} %s %s {slots}", place.python, f"{place.root}/bin/{name}", *arguments
        )

    return run


@pytest.fixture(scope="module")
def on_host(host: Any, place: Place) -> Callable[..., str]:
    """Run Python on the host, with the release's libraries; it must succeed."""
    library = f"PYTHONDONTWRITEBYTECODE=1 PYTHONPATH={place.root}/lib"

    def run(text: str, *arguments: str) -> str:
        slots = " ".join(["%s"] * len(arguments))
        done = host.run(f"env {library} %s -c %s {slots}", place.python, text, *arguments)
        assert done.rc == 0, done.stderr
        output: str = done.stdout
        return output

    return run


@pytest.fixture(scope="module")
def stored(on_host: Callable[..., str], place: Place, mark: str) -> Callable[[], Any]:
    """Read the files themselves: how much there is, and everything with the mark."""
    return lambda: json.loads(on_host(READ, place.facts, place.contexts, mark))


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Tell what a test measured; the report shows it."""
    return lambda figure: request.node.user_properties.append(("measured", figure))


@pytest.fixture(scope="module", autouse=True)
def no_trace(stored: Callable[[], Any]) -> Iterator[None]:
    """Prove that the tests of a module leave no context, and no fact that was not taken away."""
    yield
    left = stored()
    kept = [record["id"] for record in left["records"] if record["id"] not in left["removed"]]
    assert (kept, left["contexts"]) == ([], [])
