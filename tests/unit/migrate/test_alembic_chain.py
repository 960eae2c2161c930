"""The revisions of a release: one unbroken line, or refused with the names."""

from __future__ import annotations

from pathlib import Path

import pytest

from stagegate.errors import BadInput
from stagegate.migrate.alembic_chain import Chain, read_chain, read_staged, text_patterns


def revision(name: str, below: str | None, more: str = "") -> str:
    return f'"""{name}."""\nrevision = {name!r}\ndown_revision = {below!r}\n{more}\n'


def chain(*texts: str) -> Chain:
    files = {f"migrations/versions/{n}.py": text for n, text in enumerate(texts)}
    return read_chain({**files, "migrations/env.py": "import x"}, "migrations")


def test_a_line_is_read_in_its_order_whatever_the_files_are_called() -> None:
    found = chain(revision("c", "b"), revision("a", None), revision("b", "a"))
    assert found.ids == ("a", "b", "c")
    assert found.head == "c"
    assert found.after("a") == ("b", "c")
    assert found.after("") == ("a", "b", "c")
    assert found.after("c") == ()


def test_annotated_names_are_read_and_no_code_is_run() -> None:
    text = (
        "import nowhere_to_be_found\n"
        "from typing import Union\n"
        "revision: str = 'a'\n"
        "down_revision: Union[str, None] = None\n"
        "raise RuntimeError('run')\n"
    )
    assert chain(text).ids == ("a",)


BROKEN = {
    "a name that nobody declares": (
        [
            revision("p1_post_visibility", None),
            revision("p2", "p1_add_post_visibility"),
        ],
        "p2 names p1_add_post_visibility, the files declare p1_post_visibility",
    ),
    "two heads": (
        [revision("a", None), revision("b", "a"), revision("c", "a")],
        "the migrations branch after a: b and c",
    ),
    "two bases": (
        [revision("a", None), revision("b", None)],
        "the migrations branch at the base: a and b",
    ),
    "one id twice": (
        [revision("a", None), revision("a", None)],
        "two files declare the revision a: migrations/versions/0.py and migrations/versions/1.py",
    ),
    "a join": (
        [revision("a", None), "revision = 'b'\ndown_revision = ('a', 'c')\n"],
        "b (migrations/versions/1.py) joins the branches a, c",
    ),
    "a dependency": ([revision("a", None, "depends_on = 'x'")], "depends on 'x'"),
    "a circle": (
        [revision("a", None), revision("b", "c"), revision("c", "b")],
        "build on each other in a circle: b, c",
    ),
    "nothing but a circle": ([revision("b", "c"), revision("c", "b")], "in a circle: b, c"),
    "no id": (["down_revision = None\n"], "names no revision"),
    "an id that means another one": ([revision("a-1", None)], "names no revision"),
    "a reserved id": ([revision("head", None)], "names no revision"),
    "a computed id": (["revision = 'a' + str(1)\ndown_revision = None\n"], "names no revision"),
    "a computed base": (["revision = 'a'\ndown_revision = f()\n"], "is not written out"),
    "no base": (["revision = 'a'\n"], "is not written out"),
    "no Python": (["revision = = 1\n"], "is not Python that can be read"),
    "nothing": ([], "no migration in migrations/versions/"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_line_is_refused_with_the_names(name: str) -> None:
    texts, words = BROKEN[name]
    with pytest.raises(BadInput) as refused:
        chain(*texts)
    assert words in refused.value.what
    assert refused.value.code == 12


def test_only_what_alembic_takes_for_a_revision_counts() -> None:
    files = {
        "migrations/versions/a.py": revision("a", None),
        "migrations/versions/__init__.py": "",
        "migrations/versions/.#a.py": "",
        "migrations/versions/notes.txt": "",
        "migrations/versions/old/b.py": revision("b", "nowhere"),
        "other/migrations/versions/c.py": revision("c", "nowhere"),
    }
    assert read_chain(files, "migrations").ids == ("a",)


def test_the_staged_files_and_the_archive_s_texts_give_the_same_chain(tmp_path: Path) -> None:
    folder = tmp_path / "migrations/versions"
    folder.mkdir(parents=True)
    text = revision("a", None).replace("\n", "\r\n")
    (folder / "a.py").write_bytes(text.encode())
    assert read_staged(tmp_path, "migrations") == read_chain(
        {"migrations/versions/a.py": text}, "migrations"
    )
    (folder / "b.py").write_bytes(b"\xff")
    with pytest.raises(BadInput, match="not UTF-8"):
        read_staged(tmp_path, "migrations")


def test_the_texts_that_preflight_reads_are_those_of_alembic_s_stores() -> None:
    stores = [
        {"name": "cache"},
        {"name": "memory", "migrations": {"kind": "sql", "directory": "sql"}},
        {"name": "history", "migrations": {"kind": "alembic", "directory": "db/migrations"}},
        {"name": "words", "migrations": {"kind": "alembic"}},
    ]
    assert text_patterns(stores) == ["db/migrations/versions/*.py", "migrations/versions/*.py"]
