"""What the smoke tests of sparkle work with: the service of one host, and their own data.

The caller says where in the environment (see `Place`). The suite is the same for every release: a
test that is marked `new_in` asserts of an older release, instead of its own promise, that the
endpoint is absent there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
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


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Ask an older release whether what a test is about is really absent; else run the test."""
    mark = pyfuncitem.get_closest_marker("new_in")
    if mark is None:
        return None
    version, method, path = mark.args
    if number(pyfuncitem.funcargs["place"].release) >= number(version):
        return None
    pyfuncitem.funcargs["service"].expect(404, method, path)
    tell(pyfuncitem, f"new in {version}; {method} {path} is absent, as it must be")
    return True


def tell(test: pytest.Item, figure: str) -> None:
    """Put a figure into the results, from where the report takes it."""
    test.user_properties.append(("measured", figure))


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
    """Tell the report what a test measured."""
    return partial(tell, request.node)
