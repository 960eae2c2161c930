"""Related texts are near each other, and both ways to find the nearest agree."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest

# Runs with a release's own libraries, by whichever interpreter is asked for.
PROGRAM = """
import json, sqlite3, sys
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
from abathur import database, vectors
from abathur.embedding import embed
texts = json.loads(sys.argv[2])
with sqlite3.connect(":memory:") as connection:
    connection.row_factory = sqlite3.Row
    connection.execute("CREATE TABLE document_embeddings (rowid INTEGER PRIMARY KEY, embedding)")
    for text in texts:
        connection.execute(
            "INSERT INTO document_embeddings (embedding) VALUES (?)", [embed(text).tobytes()]
        )
    if sys.argv[3] == "sqlite-vec":
        assert database.load_vectors(connection)
    found = [vectors.nearest(connection, embed(text), len(texts)) for text in texts]
    print(json.dumps({"found": found, "length": sum(v * v for v in embed(texts[0]))}))
"""
TEXTS = [
    "rolling back a failed deployment",
    "a deployment that failed is rolled back",
    "recipes for saffron bread",
    "bread with saffron: a recipe",
]


def nearest(python, release, engine):
    arguments = [str(release / "lib"), json.dumps(TEXTS), engine]
    done = subprocess.run(
        [python, "-c", PROGRAM, *arguments], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def loads_extensions(python):
    program = "import sqlite3; sqlite3.connect(':memory:').enable_load_extension"
    return python and subprocess.run([python, "-c", program], capture_output=True).returncode == 0


def test_the_nearest_text_is_the_related_one(unpacked):
    result = nearest(sys.executable, unpacked("1.0"), "scan")
    assert result["length"] == pytest.approx(1.0, abs=1e-6)
    order = [[rowid for rowid, _ in found[:2]] for found in result["found"]]
    assert order == [[1, 2], [2, 1], [3, 4], [4, 3]]
    assert all(found[0][1] == pytest.approx(1.0, abs=1e-6) for found in result["found"])


def test_the_scan_and_sqlite_vec_find_the_same(unpacked):
    capable = [
        p for p in (sys.executable, shutil.which("python3", path="/usr/bin")) if loads_extensions(p)
    ]
    if not capable:
        pytest.skip("no interpreter here can load an extension into SQLite")
    scan = nearest(capable[0], unpacked("1.0"), "scan")["found"]
    fast = nearest(capable[0], unpacked("1.0"), "sqlite-vec")["found"]
    assert [[rowid for rowid, _ in found] for found in scan] == [
        [rowid for rowid, _ in found] for found in fast
    ]
    for one, other in zip(scan, fast, strict=True):
        assert [score for _, score in one] == pytest.approx([score for _, score in other], abs=1e-5)
