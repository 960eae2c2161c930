"""Toon's releases are built the same everywhere, each with the python-toon that it names."""

from __future__ import annotations

import re

import pytest
import yaml

from examples.toon.build import SYSTEM

RELEASES = [
    *("1.0", "1.1", "2.0-keeps-0.1.3", "2.1-drops-lines"),
    *("2.2-renames-first", "2.3-stores-nothing"),
]


def test_these_are_the_releases():
    assert SYSTEM.versions() == RELEASES


def test_a_build_gives_the_pinned_digests():
    SYSTEM.compare({version: SYSTEM.pin_of(version) for version in RELEASES})
    pins = yaml.safe_load(SYSTEM.pins.read_text())["releases"]
    assert {version: pin["migration_class"] for version, pin in pins.items()} == {
        **dict.fromkeys(RELEASES, "compatible"),
        "1.1": "one_way",
    }


@pytest.mark.parametrize(
    ("version", "wanted"),
    [
        ("1.0", {"lib": "0.1.3"}),
        ("1.1", {"lib": "0.2.0", "lib-0.1.3": "0.1.3"}),
        ("2.0-keeps-0.1.3", {"lib": "0.1.3", "lib-0.1.3": "0.1.3"}),
        ("2.1-drops-lines", {"lib": "0.2.0", "lib-0.1.3": "0.1.3"}),
    ],
)
def test_a_release_has_the_libraries_that_it_or_its_base_names(version, wanted):
    about = re.compile(r"(lib[^/]*)/python_toon-([\d.]+)\.dist-info/METADATA")
    found = [about.fullmatch(name) for name in SYSTEM.libraries(version)]
    assert dict(match.groups() for match in found if match) == wanted


@pytest.mark.parametrize("version", RELEASES)
def test_a_release_says_what_catches_it(version):
    release = SYSTEM.read_release(version)
    assert release["description"]
    assert release["net"]
