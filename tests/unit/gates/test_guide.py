"""The guide's examples are gates: each is read without a mistake and proves that it can fail."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from stagegate.gates.selftest import prove
from stagegate.gates.sources import KINDS
from stagegate.gates.spec import read_spec
from tests.unit.gates.test_spec import EVERY_RULE

GUIDE = Path(__file__).resolve().parents[3] / "docs/guides/gates.md"
SERVICES = [{"name": "api", "health": {"url": "http://127.0.0.1:8000/health"}}]
TRAFFIC = {"requests_per_second": 20, "urls": ["http://127.0.0.1:8000/"], "for": 5}


def examples() -> list[dict[str, Any]]:
    """Every gate of the guide."""
    blocks = re.findall(r"```yaml\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    return [one for text in blocks for one in yaml.safe_load(text).get("gates") or []]


@pytest.mark.parametrize("raw", examples(), ids=lambda raw: raw["name"])
def test_an_example_is_a_gate_that_can_fail(raw: dict[str, Any]) -> None:
    [read] = read_spec([raw], SERVICES, TRAFFIC).gates
    assert prove(read) == []


def test_the_guide_has_an_example_of_every_kind_of_source_and_rule() -> None:
    assert {raw["source"]["kind"] for raw in examples()} == set(KINDS)
    used = {key for raw in examples() for key in raw}
    plain = {"limit", "target", "equals", "severity"}
    assert used >= (plain | EVERY_RULE.keys()) - {"range", "target_range"}
    compared = {key for raw in examples() for key in raw.get("relative", {})}
    assert compared >= {"max_percent", "max_points", "range_percent", "range_factor"}
