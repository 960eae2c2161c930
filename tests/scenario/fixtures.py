"""The stage as a fixture; a test module names this file in `pytest_plugins`."""

from __future__ import annotations

import pytest

from tests.scenario.stage import Stage


@pytest.fixture(scope="module")
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """The hosts of the scenario's inventory: the verifier's own option, so that it is said once."""
    inventory = request.config.getoption("ansible_inventory")
    return Stage(inventory, tmp_path_factory.mktemp("scenario"))
