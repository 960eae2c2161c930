"""Smoke tests 31 to 35: what is wrong is refused, and leaves nothing behind."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor


def test_t31_invalid_json_in_session_events_rejected(service, data, database):
    session = data.name()
    data.removes(f"/sessions/{session}")
    body = {"id": session, "app_name": "smoke", "user_id": "smoke", "events": '[{"cut": '}
    refused = service.ask("POST", "/sessions", body)
    assert (refused.status, refused.json["error"]) == (422, "check")
    service.expect(400, "POST", "/sessions", b'{"id": ')
    service.expect(404, "GET", f"/sessions/{session}")
    ((table,),) = database(("SELECT sql FROM sqlite_schema WHERE name = 'sessions'", []))
    assert "json_valid(events)" in table[0]


def test_t32_duplicate_session_id_raises_an_error(service, data):
    session = data.session(state={"app:first": True})
    again = {"id": session["id"], "app_name": "smoke", "user_id": "somebody else"}
    refused = service.ask("POST", "/sessions", again)
    assert (refused.status, refused.json["error"]) == (409, "duplicate")
    assert service.expect(200, "GET", f"/sessions/{session['id']}") == session


def test_t33_invalid_memory_type_raises_an_error(service, data):
    body = data.memory_body("wrong", memory_type="imaginary")
    refused = service.ask("POST", "/memory", body)
    assert (refused.status, refused.json["error"]) == (422, "check")
    service.expect(404, "GET", "/memory", namespace=body["namespace"], key=body["key"])


def test_t34_foreign_key_violation_handled(service, data):
    task = data.name()
    data.removes(f"/tasks/{task}")
    body = {"id": task, "prompt": "smoke", "session_id": data.name()}
    refused = service.ask("POST", "/tasks", body)
    assert (refused.status, refused.json["error"]) == (422, "foreign_key")
    service.expect(404, "GET", f"/tasks/{task}")


def test_t35_concurrent_session_update_conflict_resolved(service, data):
    session = data.session()
    path = f"/sessions/{session['id']}/state"
    ready = threading.Barrier(2)

    def update(key, expected):
        service.connect()
        ready.wait(timeout=10)
        change = {"delta": {key: True}, "expected_version": expected}
        return key, service.ask("PATCH", path, change).status

    with ThreadPoolExecutor(2) as writers:
        tries = [
            writers.submit(update, key, session["version"]) for key in ("session:a", "session:b")
        ]
        statuses = {status: key for key, status in (attempt.result() for attempt in tries)}
    assert set(statuses) == {200, 409}

    newer = service.expect(200, "GET", f"/sessions/{session['id']}")
    again = {"delta": {statuses[409]: True}, "expected_version": newer["version"]}
    service.expect(200, "PATCH", path, again)
    resolved = service.expect(200, "GET", f"/sessions/{session['id']}")
    assert resolved["state"] == {"session:a": True, "session:b": True}
