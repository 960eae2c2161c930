"""A manifest describes a release exactly, or is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stagegate.errors import BadInput
from stagegate.release.manifest import read_manifest
from tests.unit.release.helpers import manifest_value


def read(value: Any) -> Any:
    """Read a manifest given as data."""
    return read_manifest(json.dumps(value).encode())


def test_tells_what_the_release_holds() -> None:
    manifest = read(manifest_value())
    assert (manifest.name, manifest.version) == ("abathur", "1.1")
    assert manifest.files["bin/abathur-api"].live_mode == 0o555
    assert list(manifest.below("migrations")) == ["migrations/0001.sql"]
    assert manifest.directories == {"bin", "lib", "lib/abathur", "migrations"}


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc/passwd",
        "../outside",
        "bin/../../outside",
        "bin//api",
        "./bin/api",
        "bin/",
        "bin/a\nb",
        "bin/a\\b",
        "bin/\x7f",
        "x" * 300,
        "manifest.json",
    ],
)
def test_refuses_a_path_that_is_not_a_plain_name_below_the_release(path: str) -> None:
    value = manifest_value()
    value["files"][path] = value["files"]["lib/abathur/__init__.py"]
    with pytest.raises(BadInput):
        read(value)


@pytest.mark.parametrize(
    ("key", "wrong"),
    [
        ("mode", "4755"),
        ("mode", "0777"),
        ("mode", "0600"),
        ("mode", 493),
        ("mode", "rwx"),
        ("size", -1),
        ("size", True),
        ("size", "12"),
        ("sha256", "abc"),
        ("sha256", None),
    ],
)
def test_refuses_a_file_that_is_not_fully_described(key: str, wrong: Any) -> None:
    value = manifest_value()
    value["files"]["bin/abathur-api"][key] = wrong
    with pytest.raises(BadInput):
        read(value)


@pytest.mark.parametrize(
    ("key", "wrong"),
    [
        ("files", []),
        ("files", {}),
        ("files", {"bin/api": None}),
        ("files", ["bin/api"]),
        ("version", "../1.1"),
        ("version", "-1"),
        ("version", ""),
        ("migration_class", "harmless"),
    ],
)
def test_refuses_a_manifest_with_a_wrong_part(key: str, wrong: Any) -> None:
    with pytest.raises(BadInput):
        read({**manifest_value(), key: wrong})


def test_refuses_a_file_listed_twice() -> None:
    text = json.dumps(manifest_value()).replace("lib/abathur/__init__.py", "bin/abathur-api")
    with pytest.raises(BadInput, match="twice"):
        read_manifest(text.encode())


def test_refuses_a_file_that_is_also_a_directory() -> None:
    value = manifest_value()
    value["files"]["bin"] = value["files"]["bin/abathur-api"]
    with pytest.raises(BadInput, match="both a file and the directory"):
        read(value)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"{",
        b"[" * 100_000,
        b'{"name": "a", "name": "b"}',
        b'{"name": NaN}',
        b"\xff\xfe",
    ],
)
def test_refuses_what_is_not_one_json_object(text: bytes) -> None:
    with pytest.raises(BadInput):
        read_manifest(text)
