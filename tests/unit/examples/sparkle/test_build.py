"""Sparkle's releases are built the same everywhere, for hosts without a package index."""

from __future__ import annotations

import hashlib
import json
from io import BytesIO

import pytest
import yaml

from examples.building import BuildError
from examples.sparkle.build import SYSTEM
from tests.unit.examples.conftest import opened

RELEASES = [
    *("1.0", "1.1", "1.2", "1.3"),
    *("2.0-invalid-index", "2.0-live-index", "2.1-waits-on-a-lock", "2.2-lossy-downgrade"),
    *("2.3-third-host", "2.4-fails-under-load", "2.5-unreadable"),
]


def test_these_are_the_releases():
    assert SYSTEM.versions() == RELEASES


def test_a_build_gives_the_pinned_digests():
    pins = yaml.safe_load(SYSTEM.pins.read_text())["releases"]
    SYSTEM.compare({version: SYSTEM.pin_of(version) for version in RELEASES})
    tar = BytesIO()
    SYSTEM.write("1.0", tar)
    assert pins["1.0"]["digest"] == f"sha256:{hashlib.sha256(tar.getvalue()).hexdigest()}"


def test_a_pin_that_differs_is_refused_with_the_command_that_changes_it():
    with pytest.raises(BuildError, match=r"examples/sparkle/build\.py --pin"):
        SYSTEM.compare({})


def test_the_manifest_names_every_other_file():
    archive = opened(SYSTEM, "1.1")
    first, *others = archive.getmembers()
    manifest = json.load(archive.extractfile(first))
    assert (manifest["name"], manifest["version"]) == ("sparkle", "1.1")
    assert sorted(manifest["files"]) == [member.name for member in others]
    assert {"bin/sparkle-api", "bin/sparkle-selftest", "migrations/env.py"} <= set(
        manifest["files"]
    )


def test_the_files_that_1_1_is_made_of_are_there():
    tree = SYSTEM.source_of("1.1")
    code = ("tool_history", "tool_history_service", "tool_preference_router", "standard_workflow")
    for name in (*code, "executor", "router_node"):
        assert f"lib/sparkle/{name}.py" in tree
    assert "migrations/versions/p2_add_user_tool_history.py" in tree
    assert sum(name.startswith("docs/") for name in tree) == 5


def test_every_library_is_for_the_hosts_platform(libraries):
    extensions = [name for name in libraries if ".so" in name and "cpython" in name]
    assert extensions
    assert all("cpython-311-x86_64-linux-gnu" in name for name in extensions)
