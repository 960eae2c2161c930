"""The smoke suite passes on a good release, fails where one is bad, and leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
from xml.etree import ElementTree

import pytest
import yaml

from examples.building import PROJECT
from tests.unit.examples.toon.helpers import run_tool, started

SUITE = PROJECT / "tests" / "smoke" / "toon"
SYSTEM = PROJECT / "systems" / "toon"


def declared(noun):
    return yaml.safe_load((SYSTEM / f"{noun}.yml").read_text())[noun]


@pytest.fixture
def smoke(tmp_path):
    """Run the suite against a release; return each test's failures."""

    def run(release, base, *tests):
        junit = tmp_path / "junit.xml"
        with started(release, base) as api:
            place = {
                "STAGEGATE_URL": api.url,
                "STAGEGATE_RELEASE": release.name,
                "STAGEGATE_ROOT": str(release),
                "STAGEGATE_FACTS": str(base.facts),
                "STAGEGATE_CONTEXTS": str(base.contexts),
                "STAGEGATE_PYTHON": sys.executable,
                "STAGEGATE_PYTHON_TOON": declared("smoke")["environment"]["STAGEGATE_PYTHON_TOON"],
            }
            given = ["-o", "addopts=", "-p", "no:cacheprovider", f"--junitxml={junit}"]
            subprocess.run(
                [sys.executable, "-m", "pytest", "-q", "--hosts=local://", *given, *tests],
                env={**os.environ, **place},
                cwd=PROJECT,
                capture_output=True,
                text=True,
            )
        cases = ElementTree.parse(junit).getroot().iter("testcase")
        return {
            case.get("name"): [child.get("message") for child in case if child.tag != "properties"]
            for case in cases
        }

    return run


def failed(results):
    return sorted(name.split("[")[0] for name, failures in results.items() if failures)


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_every_test_passes_on_a_good_release(unpacked, filled, smoke, version):
    before = filled.records()
    results = smoke(unpacked(version), filled, str(SUITE))
    assert len(results) == declared("smoke")["expected"]
    # How fast this machine is at the moment proves nothing about the suite.
    assert [name for name in failed(results) if "_in_time" not in name] == []
    numbers = sorted({name.split("_")[1] for name in results})
    assert numbers == [f"t{number:02}" for number in range(1, 29)]
    assert filled.records()[: len(before)] == before
    assert filled.texts() == {}


def test_a_release_that_stores_nothing_is_found_in_the_file(unpacked, filled, smoke):
    results = smoke(unpacked("2.3-stores-nothing"), filled, str(SUITE / "test_extraction.py"))
    assert "test_t11_an_extracted_fact_stands_in_the_file" in failed(results)


def test_a_release_on_another_package_than_decided_is_found(unpacked, filled, smoke):
    results = smoke(unpacked("2.0-keeps-0.1.3"), filled, str(SUITE / "test_release.py"))
    assert failed(results) == ["test_t02_python_toon_is_the_one_decided_on"]


def test_the_former_release_serves_again_with_facts_that_it_cannot_render(unpacked, filled, smoke):
    run_tool("fill", "--facts", filled.facts, "--count", 9, "--seed", 7, "--colons")
    assert failed(smoke(unpacked("1.0"), filled, str(SUITE / "test_release.py"))) == []


def test_a_fact_that_is_left_behind_is_found(unpacked, filled, smoke, tmp_path):
    # A test of the suite's own making, beside its conftest, that forgets to clean up.
    suite = tmp_path / "suite"
    suite.mkdir()
    (suite / "conftest.py").write_text("from tests.smoke.toon.conftest import *\n")
    (suite / "test_forgets.py").write_text(
        "from tests.smoke.toon.client import Data\n"
        "def test_forgets(service, mark):\n"
        "    Data(service, mark).extract()\n"
    )
    results = smoke(unpacked("1.1"), filled, "-c", "pyproject.toml", str(suite))
    assert failed(results) == ["test_forgets"]


def test_every_proof_of_the_checklist_is_there_to_be_bound():
    lines = declared("checklist")
    assert [line["id"] for line in lines] == [f"S0-{number:03}" for number in range(1, 80)]
    proofs = [
        proof
        for line in lines
        for proof in (line["proof"] if isinstance(line["proof"], list) else [line["proof"]])
    ]
    tests = {
        name.split("_")[1]
        for file in SUITE.glob("test_*.py")
        for name in file.read_text().split()
        if name.startswith("test_t")
    }
    gates = {gate["name"] for gate in declared("gates")}
    for proof in proofs:
        kind, _, name = proof.partition(":")
        if kind == "gate":
            assert name in gates
        if kind == "smoke" and name != f"all={declared('smoke')['expected']}":
            assert name in tests
    assert gates - {"contexts_decoded"} <= {proof.removeprefix("gate:") for proof in proofs}
