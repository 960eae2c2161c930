"""What the smoke tests of sparkle work with: the service of one host, and their own data.

The caller says where in the environment (see `Place`). The suite has as many tests for every
release: one that is marked `new_in` is, for an older release, `test_absent_...`, which asserts that
the endpoint is not there, and proves nothing else.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from tests.smoke.sparkle.client import Data, Service

GRPC_PORT = 50051


@dataclass(frozen=True)
class Place:
    """Where the system under test is: STAGEGATE_URL, STAGEGATE_RELEASE, STAGEGATE_GRPC.

    The last may be missing: then gRPC is asked at its usual port on the same host.
    """

    url: str
    release: str
    grpc: str


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    config.addinivalue_line(
        "markers",
        "new_in(version, method, path): before that release the endpoint is absent, and that is"
        " what is tested",
    )


def pytest_pycollect_makeitem(
    collector: pytest.Collector, name: str, obj: object
) -> pytest.Item | None:
    """Replace a test of what the release does not have yet by one that has a name of its own."""
    marks = (*getattr(obj, "pytestmark", ()), *collector.iter_markers())
    mark = next((found for found in marks if found.name == "new_in"), None)
    if not name.startswith("test_") or mark is None:
        return None
    version, method, path = mark.args
    if number(os.environ.get("STAGEGATE_RELEASE", version)) >= number(version):
        return None

    def absent(service: Service, measured: Callable[[str], None]) -> None:
        service.expect(404, method, path)
        measured(f"new in {version}; {method} {path} is absent, as it must be")

    # By its usual name it would stand for a promise that nobody has tested.
    replaced = name.replace("test_", "test_absent_", 1)
    made: pytest.Item = pytest.Function.from_parent(collector, name=replaced, callobj=absent)
    return made


def number(version: str) -> tuple[int, ...]:
    """Return what a release is ordered by: the numbers that its name begins with."""
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("-")[0]))


@pytest.fixture(scope="session")
def place() -> Place:
    """The place that the caller's environment names."""
    names = ("STAGEGATE_URL", "STAGEGATE_RELEASE")
    missing = [name for name in names if not os.environ.get(name)]
    if missing:
        pytest.exit(f"the smoke tests need {', '.join(missing)} in the environment", returncode=4)
    url, release = (os.environ[name] for name in names)
    beside = f"{urlsplit(url).hostname}:{GRPC_PORT}"
    return Place(url, release, os.environ.get("STAGEGATE_GRPC") or beside)


@pytest.fixture(scope="session")
def service(place: Place) -> Iterator[Service]:
    """The service under test."""
    with closing(Service(place.url)) as asked:
        yield asked


@pytest.fixture(scope="session")
def paths(service: Service) -> dict[str, dict[str, dict[str, object]]]:
    """What the service says that it offers: by path and method."""
    found: dict[str, dict[str, dict[str, object]]] = service.expect(200, "GET", "/openapi.json")
    return found["paths"]


@pytest.fixture(scope="session")
def data(service: Service, paths: dict[str, dict[str, object]]) -> Iterator[Data]:
    """A maker of data; what it made is gone in the end where the release can delete it."""
    removable = frozenset(path for path, methods in paths.items() if "delete" in methods)
    made = Data(service, removable)
    yield made
    made.remove()


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Tell what a test measured; the report shows it."""
    return lambda figure: request.node.user_properties.append(("measured", figure))
