"""Smoke tests 24 to 30: the operations together, as an agent uses them."""

from __future__ import annotations


def test_t24_session_task_memory_workflow(service, data):
    session = data.session()
    path = f"/sessions/{session['id']}"
    asked = {"event_type": "message", "actor": "user", "content": {"text": "remember this"}}
    service.expect(201, "POST", f"{path}/events", asked)
    task = data.task(session_id=session["id"], prompt="remember")
    memory = data.memory({"learned": True}, task_id=task["id"], memory_type="episodic")
    done = {"status": "completed", "result_data": {"memory": memory["id"]}}
    service.expect(200, "PATCH", f"/tasks/{task['id']}", done)
    acted = {
        "event_type": "action",
        "actor": "agent:smoke",
        "state_delta": {"session:memory": memory["id"]},
        "is_final_response": True,
    }
    service.expect(201, "POST", f"{path}/events", acted)
    service.expect(200, "POST", f"{path}/terminate", {})

    ended = service.expect(200, "GET", path)
    assert [event["event_type"] for event in ended["events"]] == ["message", "action"]
    assert ended["state"] == {"session:memory": memory["id"]}
    finished = service.expect(200, "GET", f"/tasks/{task['id']}")
    assert (finished["status"], finished["session_id"]) == ("completed", session["id"])
    trail = service.expect(200, "GET", "/audit", task_id=task["id"])["audit"]
    assert [row["memory_entry_id"] for row in trail] == [memory["id"]]


def test_t25_memory_versioning(service, data):
    made = data.memory({"step": 1})
    name = {"namespace": made["namespace"], "key": made["key"]}
    for step in (2, 3):
        body = {**data.memory_body({"step": step}, task_id=made["task_id"]), **name}
        service.expect(200, "PUT", "/memory", body)
    versions = service.expect(200, "GET", "/memory/history", **name)["versions"]
    assert [(entry["version"], entry["value"]["step"]) for entry in versions] == [
        (1, 1),
        (2, 2),
        (3, 3),
    ]


def test_t26_namespace_hierarchy_access(service, data):
    alice = f"{data.namespace}:user:alice"
    for namespace in (
        alice,
        f"{alice}:preferences",
        f"{alice}:projects:x",
        f"{alice}2",
        f"{alice}-",
    ):
        data.memory(namespace, namespace=namespace)
    found = service.expect(200, "GET", "/memory/search", prefix=f"{alice}:")["entries"]
    # Neither user:alice2 nor user:alice- is below user:alice.
    assert sorted(entry["value"] for entry in found) == [
        alice,
        f"{alice}:preferences",
        f"{alice}:projects:x",
    ]


def test_t27_semantic_search_returns_relevant_results(service, data, documents):
    texts = {
        "saffron": "# Saffron kombucha\n\nFerment the sweetened saffron infusion for nine days.\n",
        "gearbox": "# Planetary gearbox\n\nGrease the epicyclic sun wheel before refitting it.\n",
        "glacier": "# Calving glaciers\n\nMeltwater undercuts the glacier's icy tidewater front.\n",
    }
    paths = {}
    for name, text in texts.items():
        paths[name] = documents.write(f"{data.name()}-{name}", text)
    for name, text in texts.items():
        documents.indexed(paths[name], text)
    questions = {
        "saffron": "fermenting kombucha with saffron",
        "gearbox": "how to grease a planetary gearbox wheel",
        "glacier": "why tidewater glaciers are calving",
    }
    for name, question in questions.items():
        for kind in ("semantic", "hybrid"):
            found = service.expect(200, "GET", f"/search/{kind}", q=question, limit=3)["results"]
            assert found[0]["file_path"] == paths[name]


def test_t28_document_sync_detects_file_changes(service, data, documents):
    name = data.name()
    before, after = "# Tide table\n\nHigh water at six.\n", "# Tide table\n\nLow water at noon.\n"
    path = documents.write(name, before)
    first = documents.indexed(path, before)
    documents.write(name, after)
    second = documents.indexed(path, after)
    assert second["id"] == first["id"]
    assert second["content_hash"] != first["content_hash"]
    documents.remove(path)
    service.expect(404, "GET", "/documents/by-path", path=path)


def test_t29_consolidation_resolves_conflicts(service, data):
    made = data.memory({"language": "en"})
    name = {"namespace": made["namespace"], "key": made["key"]}
    for change in ({"language": "en", "tone": "brief"}, {"language": "de"}):
        body = data.memory_body(change, task_id=made["task_id"], base_version=1)
        service.expect(200, "PUT", "/memory", {**body, **name})
    asked = {"prefix": made["namespace"], "task_id": made["task_id"]}
    resolved = service.expect(200, "POST", "/memory/consolidate", asked)["resolved"]
    assert [entry["value"] for entry in resolved] == [{"language": "de", "tone": "brief"}]
    assert service.expect(200, "GET", "/memory", **name) == resolved[0]
    again = service.expect(200, "POST", "/memory/consolidate", asked)
    assert again["resolved"] == []
    versions = service.expect(200, "GET", "/memory/history", **name)["versions"]
    assert [entry["is_deleted"] for entry in versions] == [False, True, True, False]


def test_t30_audit_trail_captures_all_operations(service, data):
    task = data.task()["id"]
    made = data.memory({"a": 1}, task_id=task)
    name = {"namespace": made["namespace"], "key": made["key"]}
    for change in ({"b": 2}, {"c": 3}):
        body = data.memory_body(change, task_id=task, base_version=1)
        service.expect(200, "PUT", "/memory", {**body, **name})
    asked = {"prefix": made["namespace"], "task_id": task}
    service.expect(200, "POST", "/memory/consolidate", asked)
    service.expect(200, "DELETE", "/memory", **name, task_id=task)
    trail = service.expect(200, "GET", "/audit", task_id=task)["audit"]
    assert [row["memory_operation_type"] for row in reversed(trail)] == [
        "create",
        "update",
        "update",
        "consolidate",
        "delete",
    ]
    assert {row["memory_namespace"] for row in trail} == {made["namespace"]}
