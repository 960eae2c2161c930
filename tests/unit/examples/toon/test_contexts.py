"""A context is stored only if it gives back the facts that it was rendered from."""

from __future__ import annotations

import pytest

from tests.unit.examples.toon.helpers import answer, extract, fact, started


def stored(service, **fields):
    status, told = extract(service, answer=answer(fact(**fields)))
    assert status == 201
    return told["facts"][0]


def test_a_context_gives_back_its_facts_in_both_forms(service, base):
    ids = [stored(service, title=f"T{number}", tags=["x"] * number) for number in range(3)]
    status, rendered = service.ask("POST", "/contexts/mine", {"ids": ids})
    assert (status, rendered["facts"]) == (201, 3)
    _, full = service.get("/contexts/mine")
    assert [(one["id"], one["tags"]) for one in full["facts"]] == [
        (fact_id, ["x"] * number) for number, fact_id in enumerate(ids)
    ]
    _, brief = service.get("/contexts/mine?form=brief")
    assert [set(one) for one in brief["facts"]] == [
        {"id", "title", "source", "relevance_score"}
    ] * 3
    assert base.texts().keys() == {"mine.toon", "mine.brief.toon"}


def test_1_0_refuses_a_context_that_would_destroy_a_fact_and_names_it(unpacked, base):
    with started(unpacked("1.0"), base) as service:
        good, bad = stored(service, title="Good"), stored(service, title="Bad", tags=["a: b"])
        status, told = service.ask("POST", "/contexts/mine", {"ids": [good, bad]})
        assert (status, told["error"]) == (422, "not_kept")
        assert f'{bad} ("Bad")' in told["detail"]
        assert good not in told["detail"]
        assert service.get("/contexts/mine")[0] == 404
        assert service.get("/round-trip")[1]["lost"].keys() == {bad}
    assert base.texts() == {}


def test_1_1_keeps_what_1_0_refuses(service):
    fact_id = stored(service, tags=["a: b", "http://x"])
    assert service.ask("POST", "/contexts/mine", {"ids": [fact_id]})[0] == 201
    assert service.get("/contexts/mine")[1]["facts"][0]["tags"] == ["a: b", "http://x"]


def test_a_context_that_cannot_be_decoded_is_no_context(service, base):
    (base.contexts / "broken.toon").write_text("[1]:\n  - id: a\n    title: T\n")
    status, told = service.get("/contexts/broken")
    assert (status, told["error"]) == (500, "undecodable")
    assert service.get("/monitor")[0] == 503


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/contexts/mine", {}, 422),
        ("/contexts/mine", {"q": "nobody said this"}, 422),
        ("/contexts/mine", {"ids": ["there-is-none"]}, 404),
        ("/contexts/Mine", {"q": "T"}, 422),
        ("/contexts/..", {"q": "T"}, 422),
        ("/contexts/a.b", {"q": "T"}, 422),
    ],
)
def test_what_cannot_be_rendered_is_refused_and_stores_nothing(service, base, path, body, status):
    stored(service)
    assert service.ask("POST", path, body)[0] == status
    assert base.texts() == {}


def test_a_context_is_replaced_and_removed(service, base):
    for title in ("First", "Second"):
        fact_id = stored(service, title=title)
        service.ask("POST", "/contexts/mine", {"ids": [fact_id]})
    assert [one["title"] for one in service.get("/contexts/mine")[1]["facts"]] == ["Second"]
    assert service.get("/contexts")[1] == {"contexts": ["mine"]}
    assert service.ask("DELETE", "/contexts/mine")[0] == 200
    assert service.ask("DELETE", "/contexts/mine")[0] == 404
    assert base.texts() == {}
