"""A definition reads the same before a dump and after its restore."""

from __future__ import annotations

import pytest

from stagegate.postgresql.lean import lean


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "CHECK (((state)::text = ANY ((ARRAY['new'::character varying, "
            "'old'::character varying])::text[])))",
            "CHECK (((state)::text = ANY (ARRAY[('new'::character varying)::text, "
            "('old'::character varying)::text])))",
        ),
        (
            "CHECK ((((n >= 1) AND (n <= 5)) AND (m > 2)))",
            "CHECK (((n >= 1) AND (n <= 5) AND (m > 2)))",
        ),
        (" SELECT a,\n    b\n   FROM t;", " SELECT a,\n    b\n    FROM t;"),
        ("(name)::bpchar(10)", "name"),
    ],
)
def test_what_a_restore_writes_in_another_way_is_the_same(before: str, after: str) -> None:
    assert lean(before) == lean(after)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("CHECK ((n >= 1))", "CHECK ((n > 1))"),
        ("DEFAULT 'a  b'::text", "DEFAULT 'a b'::text"),
        ("DEFAULT '(a)'::text", "DEFAULT 'a'::text"),
        ("DEFAULT 'it''s (x)'", "DEFAULT 'it''s x'"),
        ('USING btree ("a b")', 'USING btree ("a  b")'),
        ("AS $body$ f(x) $body$", "AS $body$ f x $body$"),
        ("(a)::integer", "(a)::bigint"),
        ("state = ANY (ARRAY['a', 'b'])", "state = ANY (ARRAY['a', 'c'])"),
    ],
)
def test_what_differs_still_differs(one: str, other: str) -> None:
    assert lean(one) != lean(other)
