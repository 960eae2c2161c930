"""The tests keep out of each other's way."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATCHING = {"locust", "gevent", "eventlet"}
"""Packages that replace the threads of the whole process when they are imported."""


def test_no_test_takes_the_threads_away_from_all_others() -> None:
    """Under such a patch a query that never ends keeps its own deadline from coming, for ever."""
    for path in (ROOT / "tests").rglob("*.py"):
        tree = ast.parse(path.read_text())
        names = {
            alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.Import)
            for alias in node.names
        }
        names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        names |= {
            str(argument.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and getattr(node.func, "attr", "") in ("importorskip", "import_module")
            for argument in node.args
            if isinstance(argument, ast.Constant)
        }
        assert not {name.split(".")[0] for name in names} & PATCHING, path
