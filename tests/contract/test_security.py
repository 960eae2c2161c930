"""The security checklist is whole, names tests that there are, and is what its page says."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.security.page import PAGE, listed, read_items, to_page

ROOT = Path(__file__).resolve().parents[2]
ITEMS = read_items()


def named_in(path: Path) -> set[str]:
    """The tests of a file."""
    tree = ast.parse(path.read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_all_forty_two_items_are_there_in_their_order() -> None:
    assert [item.number for item in ITEMS] == list(range(1, 43))
    assert all(item.tests or item.reason for item in ITEMS)


def test_every_test_that_proves_an_item_exists() -> None:
    for item in ITEMS:
        for test in item.tests:
            path, _, name = test.partition("::")
            assert name in named_in(ROOT / path), (item.number, test)


def test_the_page_is_what_the_checklist_says() -> None:
    assert PAGE.read_text() == to_page(ITEMS), "run: python -m tests.security --write"


def test_the_list_for_a_terminal_has_every_item_with_its_proof() -> None:
    said = "\n".join(listed(ITEMS))
    assert all(item.text in said for item in ITEMS)
    assert all(test in said for item in ITEMS for test in item.tests)
