"""Smoke tests 7 to 12: the schema as the database itself tells it, by name.

After a rollback an older release meets the schema of a newer one, which may have more. Release 1.0
has no history of tools: in place of tests 8 to 11 it is asserted that the endpoint is absent.
"""

from __future__ import annotations

import re

import pytest

OWNER = "sparkle"
TABLE = "user_tool_history"
SINCE_1_0 = {
    "users": {
        "id": "integer",
        "name": "character varying(100)",
        "created_at": "timestamp without time zone",
    },
    # What a message's text is kept in changes; how it is found and whose it is does not.
    "messages": {
        "id": "bigint",
        "key": "character varying(100)",
        "user_id": "integer",
        "encoding": "character varying(20)",
        "created_at": "timestamp without time zone",
    },
}
KEYS = {"users_pkey", "uq_users_name", "messages_pkey", "uq_messages_key", "idx_messages_user_id"}
COLUMNS = {
    "id": "integer",
    "user_id": "integer",
    "tool_name": "character varying(100)",
    "success": "boolean",
    "execution_time_ms": "integer",
    "error_message": "character varying(500)",
    "context_snapshot": "jsonb",
    "tool_category": "character varying(50)",
    "error_type": "character varying(100)",
    "input_args": "jsonb",
    "output_summary": "character varying(500)",
    "user_satisfaction": "integer",
    "was_helpful": "boolean",
    "created_at": "timestamp without time zone",
    "updated_at": "timestamp without time zone",
}
COLUMNS_OF_INDEXES = {
    f"idx_{TABLE}_user_id": "user_id",
    f"idx_{TABLE}_tool_name": "tool_name",
    f"idx_{TABLE}_success": "user_id, tool_name, success",
    f"idx_{TABLE}_created_at": "created_at",
    f"idx_{TABLE}_user_created": "user_id, created_at",
    f"idx_{TABLE}_metrics": "user_id, tool_name, success, created_at",
}
# As the database tells an index; only a plain one, over all rows, is told like this.
INDEXES = {
    name: f"CREATE INDEX {name} ON public.{TABLE} USING btree ({columns})"
    for name, columns in COLUMNS_OF_INDEXES.items()
}
history = pytest.mark.new_in("1.1", "GET", "/history")


@pytest.fixture
def schema(service):
    """What the database says, asked over a connection of the service's own."""
    return service.expect(200, "GET", "/schema")


def of_history(names):
    """Return the names of the history's own indexes."""
    return {name for name in names if name.startswith(f"idx_{TABLE}_")}


def test_t07_the_tables_of_the_first_day_are_there_and_can_be_read(service, schema):
    for table, columns in SINCE_1_0.items():
        assert columns.items() - schema["tables"][table]["columns"].items() == set()
    assert KEYS - schema["indexes"].keys() == set()
    assert {"users", "messages"} - service.expect(200, "GET", "/counts").keys() == set()


@history
def test_t08_the_table_user_tool_history_exists(service, schema):
    assert TABLE in schema["tables"]
    assert schema["tables"][TABLE]["owner"] == OWNER


@history
def test_t09_its_columns_are_those_that_were_declared(service, schema):
    assert COLUMNS.items() - schema["tables"][TABLE]["columns"].items() == set()


@history
def test_t10_it_has_exactly_the_six_indexes_by_name_and_columns(service, schema, measured):
    told = schema["indexes"]
    wrong = [told[name] for name in sorted(INDEXES.keys() & told) if told[name] != INDEXES[name]]
    right = len(INDEXES.keys() & told) - len(wrong)
    measured(f"{right} of {len(INDEXES)} indexes by name and columns")
    found = of_history({*told, *schema["invalid_indexes"]})
    assert (INDEXES.keys() - found, found - INDEXES.keys()) == (set(), set())
    assert not wrong, f"not as declared: {'; '.join(wrong)}"


@history
def test_t11_its_indexes_are_valid(service, schema):
    # An index that is there and not valid costs every write and answers nothing.
    assert of_history(schema["invalid_indexes"]) == set()
    assert {*INDEXES, f"{TABLE}_pkey"} - schema["indexes"].keys() == set()


def test_t12_the_schema_has_the_revision_of_the_release(place, schema, measured):
    measured(f"revision {schema['revision']}")
    # The first two releases' revisions are p1_... and p2_...; a later one contains them.
    revision = re.fullmatch(r"p(\d+)_\w+", schema["revision"] or "")
    assert revision, schema["revision"]
    if place.release == "1.0":
        assert int(revision[1]) >= 1
    else:
        assert int(revision[1]) >= 2
    if int(revision[1]) == 2:
        assert schema["revision"] == "p2_add_user_tool_history"
