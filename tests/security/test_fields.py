"""No field of an inventory lets a hostile string act: it is refused by name, or stays a text."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path

import pytest

from stagegate.command import run_command
from stagegate.validate import check_options
from tests.security.fields import Definition, definitions
from tests.security.hostile import CONTROL, templates, words

EVERY = definitions()

TEXTS = {
    "baseline.expected_benefits[0]": "a sentence of the report",
    "baseline.known_issues[0]": "a sentence of the report",
    "baseline.limitations[0]": "a sentence of the report",
    "checklist[0].key": "a line of the report; its keys and proofs are checked by the checklist",
    "gates[0].key": "checked key by key when the gates are read",
    "rehearsal.command[0]": "a word of an argument list, run as the service user",
    "rehearsal.copies.key": "the name of a variable, checked by the rehearsal",
    "rehearsal.environment.key": "a value of an environment",
    "release.expected_changes.key": "the name of a table, compared with what was found",
    "release.source": "a file that is opened, or a repository that git gets after --",
    "releases.key": "a pin, compared with a digest",
    "rollout_waves[0]": "a number or a percentage, refused when the waves are counted",
    "secrets[0].content": "written into a file, told to nobody",
    "services[0].command[0]": "a word of an argument list; the first must be an absolute path",
    "services[0].description": "quoted into the unit",
    "services[0].environment.key": "quoted into the unit",
    "services[0].hardening.key": "one line of a directive that is on a list",
    "services[0].health.instance_field": "the key of an answer",
    "services[0].health.url": "must be http://host:port/path without a user",
    "services[0].health.version_field": "the key of an answer",
    "sign_offs[0].lines[0]": "compared with the ids of the checklist",
    "sign_offs[0].role": "a role may have letters of any script",
    "sign_offs[0].text": "a sentence that people are shown",
    "smoke.environment.key": "a value of an environment",
    "smoke.suite": "a path below the project",
    "smoke.url": "a value of an environment",
    "stores[0].address": "given to a socket",
    "stores[0].bookkeeping[0]": "compared with names of tables",
    "stores[0].expect.constraints[0]": "compared with names of constraints",
    "stores[0].expect.indexes[0]": "compared with names of indexes",
    "stores[0].expect.tables[0]": "compared with names of tables",
    "stores[0].key": "the key of a record, looked up in it",
    "stores[0].migrations.directory": "a path below the release",
    "stores[0].reads.key": "checked by the driver",
    "stores[0].rules.key": "checked by the driver",
    "synthetic.key": "checked when the requests are read",
    "windows[0].key": "checked key by key when the windows are read",
}
"""The fields that take a text which is no name, and what becomes of it."""


def problems(definition: Definition, number: int, value: str) -> list[str]:
    """What preflight says of a definition with a value in one field."""
    field = definition.fields[number]
    found = check_options(field.planted(definition.values, value), definition.options)
    return [str(problem) for problem in found]


@pytest.mark.parametrize("definition", EVERY, ids=lambda d: d.name)
def test_every_field_has_a_good_value(definition: Definition) -> None:
    assert check_options(definition.values, definition.options) == []
    assert len(definition.fields) > 70


@pytest.mark.parametrize("definition", EVERY, ids=lambda d: d.name)
def test_a_marker_or_a_control_character_is_refused_in_every_field(
    definition: Definition, tmp_path: Path
) -> None:
    hostile = {**CONTROL, **templates(tmp_path / "canary")}
    for number, field in enumerate(definition.fields):
        if field.option.get("no_log"):
            continue
        for kind, value in hostile.items():
            found = problems(definition, number, value)
            assert len(found) == 1, (field.path, kind, found)
            assert found[0].startswith(f"{field.path}: "), (kind, found)
            assert found[0].isprintable()
            assert len(found[0]) < 400
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize("definition", EVERY, ids=lambda d: d.name)
def test_what_looks_like_a_command_is_refused_or_is_a_field_of_text(
    definition: Definition, tmp_path: Path
) -> None:
    for number, field in enumerate(definition.fields):
        for kind, value in words(tmp_path / "canary").items():
            found = problems(definition, number, value)
            if not found:
                assert field.path in TEXTS, (field.path, kind)
                continue
            assert len(found) == 1, (field.path, kind, found)
            assert found[0].startswith(f"{field.path}: "), (kind, found)
            assert found[0].isprintable()


def test_a_secret_is_judged_without_a_word_of_it() -> None:
    definition = EVERY[0]
    number = [f.path for f in definition.fields].index("secrets[0].content")
    for value in (*CONTROL.values(), *words(Path("/canary")).values()):
        assert problems(definition, number, value) == []
    field = definition.fields[number]
    found = check_options(field.planted(definition.values, ["canary"]), definition.options)
    assert [str(p) for p in found] == ["secrets[0].content: must be a text, not list"]


@pytest.mark.parametrize(
    ("kind", "word"),
    [(k, w) for k, w in words(Path("/tmp/canary")).items() if k != "half a character"],
)
def test_a_word_of_a_command_reaches_the_program_as_it_is(
    kind: str, word: str, tmp_path: Path
) -> None:
    word = word.replace("/tmp/canary", str(tmp_path / "canary"))
    echo = "import hashlib, os, sys; print(hashlib.sha256(os.fsencode(sys.argv[1])).hexdigest())"
    done = run_command([sys.executable, "-c", echo, word], deadline=20)
    told = "import hashlib, os, sys; print(hashlib.sha256(os.environb[b'WORD']).hexdigest())"
    also = run_command([sys.executable, "-c", told], deadline=20, environment={"WORD": word})
    assert done.said == also.said == hashlib.sha256(os.fsencode(word)).hexdigest() + "\n", kind
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("key", [*CONTROL.values(), *templates(Path("/c")).values()])
def test_a_key_of_the_users_own_is_refused_as_a_value_is(key: str) -> None:
    values = {**EVERY[0].values, "releases": {key: {"digest": "sha256:" + "0" * 64}}}
    found = [str(problem) for problem in check_options(values, EVERY[0].options)]
    assert len(found) == 1
    assert found[0].startswith("releases.")
    assert "this key has" in found[0]
    assert found[0].isprintable()


def test_the_answer_about_a_hostile_key_is_fit_for_a_terminal() -> None:
    definition = EVERY[0]
    for word in (*CONTROL.values(), *templates(Path("/c")).values(), *words(Path("/c")).values()):
        found = check_options({**definition.values, word: 1}, definition.options)
        assert len(found) == 1
        assert str(found[0]).isprintable(), json.dumps(str(found[0]))
        assert len(str(found[0])) < 5000
