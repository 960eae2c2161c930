"""Kinds and schemas judge records, and rules that are written wrong are refused before reading."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stagegate.errors import BadInput, Refused
from stagegate.jsonl.model import Report
from stagegate.jsonl.rules import Rules
from stagegate.jsonl.scan import run_scan

V1 = {"id": "a", "title": "t", "summary": "s", "key_concepts": ["k"], "relevance_score": 0.7}
V2 = {**V1, "confidence_score": 0.7, "tags": [], "usage_count": 0, "last_used": None}
V3 = {"id": "a", "title": "t", "insight": "i", "keywords": ["k"], "source": "s", "date": "d"}
TEXT = {"type": "string"}
KINDS_OF_FACTS: list[dict[str, Any]] = [
    {
        "name": "v3",
        "when": {"has": ["insight", "keywords"]},
        "schema": {"required": ["id", "title", "source", "date"], "properties": {"id": TEXT}},
    },
    {"name": "v2", "when": {"has": ["summary", "confidence_score"]}},
    {
        "name": "v1",
        "when": {"has": ["summary"], "lacks": ["confidence_score"]},
        "schema": {"properties": {"relevance_score": {"minimum": 0, "maximum": 1}}},
    },
]
PARSERS = ["json", "orjson"]


def scan(path: Path, records: list[Any], **rules: Any) -> Report:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return run_scan(path, Rules.from_params(rules))


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize("processes", [1, 2])
def test_records_are_counted_by_kind(parser: str, processes: int, tmp_path: Path) -> None:
    records = [V1, V2, V3, V1] * 50
    how = {"parser": parser, "processes": processes}
    report = scan(tmp_path / "x.jsonl", records, kinds=KINDS_OF_FACTS, **how)
    assert report.good
    assert report.kinds == {"v1": 100, "v2": 50, "v3": 50}
    assert report.records == 200


@pytest.mark.parametrize("parser", PARSERS)
def test_a_record_of_no_kind_or_against_its_schema_is_told(parser: str, tmp_path: Path) -> None:
    late = {**V3, "id": 5}
    hot = {**V1, "relevance_score": 3}
    records = [V1, {"x": 1}, late, hot, V2]
    report = scan(tmp_path / "x.jsonl", records, kinds=KINDS_OF_FACTS, parser=parser)
    assert [(f.kind, f.line) for f in report.findings] == [
        ("unknown_kind", 2),
        ("schema", 3),
        ("schema", 4),
    ]
    words = [finding.message for finding in report.findings]
    assert words[0] == "the record is none of v3, v2, v1"
    assert words[1].startswith("v3: id: 5 is not of type 'string'")
    assert words[2].startswith("v1: relevance_score: 3 is greater than")
    assert (report.records, report.kinds) == (2, {"v1": 1, "v2": 1})


def test_an_unknown_kind_may_be_accepted(tmp_path: Path) -> None:
    policy = {"unknown_kind": "accept"}
    report = scan(tmp_path / "x.jsonl", [V1, {"x": 1}], kinds=KINDS_OF_FACTS, policy=policy)
    assert report.good
    assert report.kinds == {"v1": 1, "unknown": 1}
    assert report.accepted == {"unknown_kind": 1}


def test_a_field_may_name_the_kind(tmp_path: Path) -> None:
    kinds = [{"name": "fact"}, {"name": "vote", "schema": {"required": ["by"]}}]
    records = [{"type": "fact"}, {"type": "vote", "by": "a"}, {"type": "vote"}, {"type": "x"}, {}]
    report = scan(tmp_path / "x.jsonl", records, kinds=kinds, kind_field="type")
    assert report.kinds == {"fact": 1, "vote": 1}
    assert report.counts == {"schema": 1, "unknown_kind": 2}


def test_a_schema_that_is_nested_too_deep_for_its_judge_is_a_finding(tmp_path: Path) -> None:
    record: Any = {}
    for _ in range(190):
        record = {"a": record}
    kinds = [
        {"name": "n", "when": {"lacks": ["b"]}, "schema": {"properties": {"a": {"$ref": "#"}}}}
    ]
    report = scan(tmp_path / "x.jsonl", [record], kinds=kinds, deepest=200)
    assert report.counts in ({}, {"depth": 1})


def test_numbers_that_a_schema_cannot_judge_are_findings(tmp_path: Path) -> None:
    kinds = [
        {
            "name": "n",
            "when": {"has": ["a"]},
            "schema": {"properties": {"a": {"multipleOf": 1e-308}}},
        }
    ]
    report = scan(tmp_path / "x.jsonl", [{"a": 1e308}, {"a": 2**62}], kinds=kinds)
    assert set(report.counts) <= {"schema"}


def mistakes(**rules: Any) -> str:
    with pytest.raises(BadInput) as caught:
        Rules.from_params(rules, "store")
    assert caught.value.now == "nothing was read"
    return caught.value.what


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"polcy": {}}, "store.polcy: unknown key; did you mean policy?"),
        ({"policy": {"blnk": "accept"}}, "store.policy.blnk: unknown key; did you mean blank?"),
        ({"policy": {"blank": "acept"}}, "did you mean accept?"),
        ({"policy": {"not_json": "accept"}}, "store.policy.not_json: must be one of refuse"),
        ({"policy": {"changed": "accept"}}, "store.policy.changed: must be one of refuse"),
        ({"policy": []}, "store.policy: must be a mapping"),
        ({"longest_line": 0}, "store.longest_line: must be a whole number, at least 2"),
        ({"longest_line": 1 << 40}, "store.longest_line: must be at most"),
        ({"deepest": 201}, "store.deepest: must be at most 200"),
        ({"deepest": True}, "store.deepest: must be a whole number"),
        ({"parser": "orjsn"}, "did you mean orjson?"),
        ({"final_newline": "no"}, "store.final_newline: must be one of required, optional"),
        ({"kinds": {}}, "store.kinds: must be a list"),
        ({"kinds": [{"when": {"has": ["a"]}}]}, "store.kinds[0].name: is missing"),
        ({"kinds": [{"name": "a"}]}, "store.kinds[0].when: needs has or lacks"),
        ({"kinds": [{"name": "a", "when": {"hs": ["x"]}}]}, "hs: unknown key; did you mean has?"),
        ({"kinds": [{"name": "a", "when": {"has": "x"}}]}, "must be a list of field names"),
        ({"kind_field": "t", "kinds": [{"name": "a"}, {"name": "a"}]}, "a is used twice"),
    ],
)
def test_a_mistake_is_named_with_its_path(rules: dict[str, Any], said: str) -> None:
    assert said in mistakes(**rules)


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ([], "schema: must be a mapping, not list"),
        ({"$ref": "http://example.org/x"}, "leads to no place in this schema"),
        ({"$ref": "other.json"}, "leads to no place"),
        ({"properties": {"a": {"$ref": "#/$defs/b"}}}, "schema.properties.a.$ref: '#/$defs/b'"),
        ({"items": [{"pattern": "("}]}, "schema.items[0].pattern: '(' is no regular expression"),
        ({"patternProperties": {"[": {}}}, "is no regular expression"),
    ],
)
def test_a_schema_that_would_fail_later_is_refused_now(schema: Any, said: str) -> None:
    assert said in mistakes(kind_field="t", kinds=[{"name": "a", "schema": schema}])


def test_a_reference_inside_a_schema_is_followed(tmp_path: Path) -> None:
    schema = {"properties": {"a": {"$ref": "#/$defs/b~1c"}}, "$defs": {"b/c": {"type": "integer"}}}
    kinds = [{"name": "n", "when": {"has": ["a"]}, "schema": schema}]
    report = scan(tmp_path / "x.jsonl", [{"a": 1}, {"a": "x"}], kinds=kinds)
    assert (report.records, report.counts) == (1, {"schema": 1})


def test_what_is_no_schema_is_refused(tmp_path: Path) -> None:
    kinds = [{"name": "n", "when": {"has": ["a"]}, "schema": {"type": "strin"}}]
    with pytest.raises(Refused, match="record kind n is no JSON Schema: type: 'strin'"):
        scan(tmp_path / "x.jsonl", [{"a": 1}], kinds=kinds)


def test_a_host_without_the_library_of_schemas_is_told_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "jsonschema", None)
    with pytest.raises(Refused, match="no library to judge by it") as caught:
        scan(tmp_path / "x.jsonl", [V3], kinds=KINDS_OF_FACTS)
    assert "python3-jsonschema" in caught.value.next
    assert scan(tmp_path / "y.jsonl", [V3]).good


WITHOUT = """
import sys
sys.modules["orjson"] = None
from pathlib import Path
from stagegate.jsonl.rules import Rules
from stagegate.jsonl.scan import run_scan
print(run_scan(Path(sys.argv[1]), Rules()).parser)
run_scan(Path(sys.argv[1]), Rules(parser="orjson"))
"""


def test_a_host_without_orjson_has_the_other_parser(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'{"a":1}\n')
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, str(path)], capture_output=True, text=True
    )
    assert done.stdout == "json\n"
    assert "Refused: the rules ask for the parser orjson" in done.stderr
