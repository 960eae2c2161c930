"""The stage and the fleet as fixtures; a test module names this file in `pytest_plugins`."""

from __future__ import annotations

import pytest

from tests.scenario.fleet import Fleet
from tests.scenario.knowledge import Knowledge
from tests.scenario.stage import Stage


@pytest.fixture(scope="module")
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """The hosts of the scenario's inventory: the verifier's own option, so that it is said once."""
    inventory = request.config.getoption("ansible_inventory")
    return Stage(inventory, tmp_path_factory.mktemp("scenario"))


@pytest.fixture(scope="module")
def fleet(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    """The hosts of sparkle, of the inventory that the scenario names."""
    inventory = request.config.getoption("ansible_inventory")
    return Fleet(tmp_path_factory.mktemp("scenario"), inventory)


@pytest.fixture(scope="module")
def knowledge(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Knowledge:
    """The host of toon, of the inventory that the scenario names."""
    inventory = request.config.getoption("ansible_inventory")
    return Knowledge(inventory, tmp_path_factory.mktemp("scenario"))
