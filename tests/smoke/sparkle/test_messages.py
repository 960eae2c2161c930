"""Smoke tests 13 to 17: what every release does: users, messages, questions."""

from __future__ import annotations

# More than one line, more than one byte a letter.
TEXT = "first line\nsecond line, with \u00e9 and \u4f60\u597d"


def test_t13_a_user_is_created_and_read(service, data):
    user = data.user()
    read = service.expect(200, "GET", f"/users/{user}")
    assert read["id"] == user
    assert read["name"].startswith("smoke-")


def test_t14_a_message_is_read_as_it_was_written(service, data):
    sent = data.message(text=TEXT, user_id=data.somebody)
    read = service.expect(200, "GET", f"/messages/{sent['key']}")
    assert read.items() >= sent.items()
    listed = service.expect(200, "GET", "/messages", after=read["id"] - 1, limit=1)
    assert listed["messages"] == [read]


def test_t15_a_message_is_written_once(service, data):
    sent = data.message(text="the first one")
    service.expect(409, "POST", "/messages", {**sent, "text": "the second one"})
    assert service.expect(200, "GET", f"/messages/{sent['key']}")["text"] == "the first one"


def test_t16_a_question_is_answered_by_the_tool_that_suits(service, data):
    asked = {"user_id": data.somebody, "text": "the sum of 2 and 40"}
    answer = service.expect(200, "POST", "/chat", asked)
    assert (answer["tool"], answer["answer"], answer["success"]) == ("calculator", "42", True)
    assert answer["execution_time_ms"] >= 0


def test_t17_what_is_wrong_is_refused_and_not_kept(service, data):
    key = data.name()
    for wrong in ({"key": key}, {"key": key, "text": ""}, {"key": key, "text": "a\0b"}):
        service.expect(422, "POST", "/messages", wrong)
    service.expect(404, "GET", f"/messages/{key}")
    service.expect(422, "POST", "/chat", {"user_id": 0, "text": "who asks?"})
