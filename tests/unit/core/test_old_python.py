"""A host whose Python is too old is told so, whatever of the core is asked for first."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

CORE = Path(__file__).parents[3] / "plugins" / "module_utils"
PYENV = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
NAME = "python3.8"
OLD = shutil.which(NAME) if not shutil.which("pyenv") else None
OLD = OLD or next(map(str, PYENV.glob(f"versions/3.8.*/bin/{NAME}")), None)


@pytest.mark.skipif(OLD is None, reason="no Python 3.8 is installed here")
@pytest.mark.parametrize("part", ["", ".glue", ".conduct", ".sqlite.driver"])
def test_an_older_python_is_refused_by_its_number(part: str) -> None:
    ended = subprocess.run(
        [str(OLD), "-c", f"import stagegate{part}"],
        env={"PYTHONPATH": str(CORE), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 1
    assert "this host's Python is 3.8." in ended.stderr
    assert "3.9 or later is needed" in ended.stderr
