"""Smoke tests 6 to 15: each thing that the service is for works once."""

from __future__ import annotations


def test_t06_create_session(service, data):
    made = data.session(project_id="smoke", state={"app:step": 1})
    session = service.expect(200, "GET", f"/sessions/{made['id']}")
    assert session == made
    assert (session["status"], session["events"]) == ("created", [])
    assert session["state"] == {"app:step": 1}


def test_t07_append_event_to_session(service, data):
    path = f"/sessions/{data.session()['id']}"
    event = {"event_type": "message", "actor": "agent:smoke", "content": {"text": "hello"}}
    appended = service.expect(201, "POST", f"{path}/events", event)
    session = service.expect(200, "GET", path)
    assert session["events"] == [appended]
    assert session["status"] == "active"
    assert {**event, **appended} == appended


def test_t08_update_session_state(service, data):
    made = data.session(state={"app:kept": True, "session:step": 1})
    change = {"delta": {"session:step": 2}, "expected_version": made["version"]}
    service.expect(200, "PATCH", f"/sessions/{made['id']}/state", change)
    session = service.expect(200, "GET", f"/sessions/{made['id']}")
    assert session["state"] == {"app:kept": True, "session:step": 2}
    assert session["version"] > made["version"]


def test_t09_terminate_session(service, data):
    path = f"/sessions/{data.session()['id']}"
    service.expect(200, "POST", f"{path}/terminate", {})
    session = service.expect(200, "GET", path)
    assert session["status"] == "terminated"
    assert session["terminated_at"]
    service.expect(409, "PATCH", f"{path}/state", {"delta": {"session:step": 1}})


def test_t10_create_semantic_memory_entry(service, data):
    made = data.memory({"likes": "tea"})
    entry = service.expect(200, "GET", "/memory", namespace=made["namespace"], key=made["key"])
    assert (entry["memory_type"], entry["version"]) == ("semantic", 1)
    assert entry["value"] == {"likes": "tea"}


def test_t11_update_memory_entry_to_version_2(service, data):
    made = data.memory({"likes": "tea"})
    body = data.memory_body({"likes": "coffee"}, task_id=made["task_id"])
    updated = service.expect(200, "PUT", "/memory", {**body, "key": made["key"]})
    assert (updated["version"], updated["value"]) == (2, {"likes": "coffee"})


def test_t12_retrieve_current_version_of_memory(service, data):
    made = data.memory("first")
    name = {"namespace": made["namespace"], "key": made["key"]}
    for value in ("second", "third"):
        body = {**data.memory_body(value, task_id=made["task_id"]), **name}
        service.expect(200, "PUT", "/memory", body)
    entry = service.expect(200, "GET", "/memory", **name)
    assert (entry["version"], entry["value"]) == (3, "third")
    service.expect(200, "DELETE", "/memory", **name, task_id=made["task_id"])
    service.expect(404, "GET", "/memory", **name)


def test_t13_search_memories_by_namespace(service, data):
    made = {data.memory(number)["key"] for number in range(3)}
    found = service.expect(200, "GET", "/memory/search", prefix=data.namespace)
    assert {entry["key"] for entry in found["entries"]} == made


def test_t14_query_audit_log_for_memory_operations(service, data):
    made = data.memory("audited")
    rows = service.expect(200, "GET", "/audit", namespace=data.namespace)["audit"]
    assert [(row["memory_operation_type"], row["memory_entry_id"]) for row in rows] == [
        ("create", made["id"])
    ]
    newest = service.expect(200, "GET", "/audit", operation="create", limit=100)["audit"]
    assert rows[0] in newest


def test_t15_create_task_with_session_linkage(service, data):
    session = data.session()
    task = data.task(session_id=session["id"])
    found = service.expect(200, "GET", "/tasks", session_id=session["id"])
    assert found["tasks"] == [task]
    assert task["session_id"] == session["id"]
