"""What the service answers, and what it says when something that it needs is not there."""

from __future__ import annotations

import json
import os
import signal
import socket

import pytest

INDEXES = {
    f"idx_user_tool_history_{name}"
    for name in ("user_id", "tool_name", "success", "created_at", "user_created", "metrics")
}
PROBE = """
import sys
import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from websockets.sync.client import connect
with connect(sys.argv[1].replace("http", "ws") + "/ws") as talk:
    print(talk.recv())
    talk.send("ping")
    print(talk.recv())
stub = health_pb2_grpc.HealthStub(grpc.insecure_channel(sys.argv[2]))
asked = health_pb2.HealthCheckRequest(service="sparkle.Api")
print(stub.Check(asked, timeout=10))
"""


def test_health_tells_who_answers_and_what_it_stands_on(service):
    health = service.get("/health")
    assert (health["status"], health["version"]) == ("healthy", "1.1")
    assert health["database"].keys() >= {"connected", "latency_ms", "pool_size", "pool_checked_out"}
    assert health["cache"] == {"connected": True}


def test_the_schema_is_told_with_the_six_indexes(service):
    schema = service.get("/schema")
    assert schema["revision"] == "p2_add_user_tool_history"
    assert {name for name in schema["indexes"] if name.startswith("idx_user_tool")} == INDEXES
    table = schema["tables"]["user_tool_history"]
    assert (table["owner"], table["columns"]["context_snapshot"]) == ("sparkle", "jsonb")
    defined = schema["indexes"]["idx_user_tool_history_user_created"]
    assert defined.endswith("ON public.user_tool_history USING btree (user_id, created_at)")


def test_an_invalid_index_is_told_apart(release, database):
    data = database("1.1")
    release("2.0-invalid-index").alembic(data.url)
    with release("1.1").started(data.url) as running:
        schema = running.get("/schema")
    assert schema["invalid_indexes"] == ["idx_messages_user_text"]
    assert "idx_messages_user_text" not in schema["indexes"]


def test_a_message_is_written_once_and_read_as_it_was(service):
    text = "one\ntwo \u00e9 \U0001f680"
    made = service.post("/messages", {"key": "once", "text": text, "user_id": 1}, 201)
    assert service.get("/messages/once")["text"] == text
    assert service.ask("POST", "/messages", {"key": "once", "text": "other"})[0] == 409
    assert service.ask("GET", "/messages/never")[0] == 404
    after = service.get(f"/messages?after={made['id'] - 1}")["messages"]
    assert [message["key"] for message in after] == ["once"]


def test_a_message_is_deleted_alone(service, user):
    for key in ("first", "second"):
        service.post("/messages", {"key": key, "text": "t", "user_id": user}, 201)
    assert service.ask("DELETE", "/messages/first") == (204, "")
    assert service.ask("DELETE", "/messages/first")[0] == 404
    assert service.get("/messages/second")["user_id"] == user


# The schema of 1.1 is what 1.0 meets after going back.
@pytest.mark.parametrize(
    ("version", "schema"),
    [("1.0", "1.1"), ("1.2", "1.2"), ("1.3", "1.3"), ("2.5-unreadable", "1.1")],
)
def test_messages_are_deleted_whatever_their_form(release, database, version, schema):
    data = database(schema)
    keys = "SELECT string_agg(key, ' ' ORDER BY id) FROM messages"
    with release(version).started(data.url) as running:
        assert running.ask("DELETE", "/messages/example-2") == (204, "")
        assert data.sql(keys) == "example-1 example-3"
        assert running.ask("DELETE", "/users/1") == (204, "")
    assert (data.sql(keys), data.sql("SELECT count(*) FROM users")) == ("", "0")


@pytest.mark.parametrize(
    "body",
    [
        {"key": "k", "text": ""},
        {"key": "k", "text": "nul \0"},
        {"key": "not a key", "text": "t"},
        {"key": "k", "text": "t", "user_id": 2**31 - 1},
        {"key": "k", "text": "t", "user_id": 2**31},
        {"text": "t"},
    ],
)
def test_a_message_against_the_rules_is_refused(service, body):
    assert service.ask("POST", "/messages", body)[0] == 422


def test_a_web_socket_and_grpc_answer(service, release):
    done = release("1.1").python("-c", PROBE, service.url, service.grpc)
    assert done.returncode == 0, done.stderr
    hello, pong, status = done.stdout.splitlines()[:3]
    assert json.loads(hello)["instance_id"] == service.get("/health")["instance_id"]
    assert json.loads(pong) == {"type": "pong"}
    assert status == "status: SERVING"


def test_metrics_tell_operations_apart_and_leave_refusals_out(service):
    def count(metric, **labels):
        lines = [line for line in service.get("/metrics").splitlines() if line.startswith(metric)]
        wanted = [f'{name}="{value}"' for name, value in labels.items()]
        found = [line for line in lines if all(label in line for label in wanted)]
        return sum(float(line.split()[-1]) for line in found)

    timed, answered = "sparkle_operation_seconds_count", "sparkle_requests_total"
    rates, workflows = (count(timed, operation=name) for name in ("success_rate", "workflow"))
    refused = count(answered, operation="workflow", status="4xx")
    service.get("/history/success-rate?user_id=1&tool_name=quiz")
    assert service.ask("POST", "/workflows/run", {"user_id": 1, "text": "hello"})[0] == 422
    assert count(timed, operation="success_rate") == rates + 1
    assert count(timed, operation="workflow") == workflows
    assert count(answered, operation="workflow", status="4xx") == refused + 1
    who = service.get("/health")["instance_id"]
    assert count("sparkle_build_info", version="1.1", instance=who) == 1


def test_1_1_breaks_nothing_that_1_0_offers(service, release, database):
    with release("1.0").started(database("1.0").url) as former:
        before, after = former.get("/openapi.json"), service.get("/openapi.json")
        instances = {running.get("/health")["instance_id"] for running in (former, service)}
    assert len(instances) == 2
    for path, methods in before["paths"].items():
        for method, described in methods.items():
            assert after["paths"][path][method] == described


def test_it_goes_on_without_its_cache_and_comes_back_after_its_database(
    release, database, cluster, cache
):
    # The cache is one that nobody listens for; the database goes away and comes back.
    gone = {"SPARKLE_REDIS": "redis://127.0.0.1:9/0"}
    data = database("1.0")
    with release("1.0").started(data.url, **gone) as running:
        health = running.get("/health")
        assert (health["status"], health["cache"]) == ("healthy", {"connected": False})
        assert running.get("/counts")["messages"] == 3
        cluster.stop()
        try:
            status, health = running.ask("GET", "/health")
            assert (status, health["database"]["connected"]) == (503, False)
            assert running.ask("GET", "/messages/example-1")[0] == 503
        finally:
            cluster.start()
        assert running.get("/messages/example-1")["text"] == "Hello, sparkle"


def test_what_waits_is_written_before_the_end_and_nothing_beside_the_code(
    release, database, tmp_path
):
    data, log = database("1.1"), tmp_path / "log.jsonl"
    files = sorted(release("1.1").folder.rglob("*"))
    body = {"user_id": 1, "tool_name": "quiz", "success": True}
    with release("1.1").started(data.url, SPARKLE_LOG=str(log)) as running:
        for _ in range(50):
            running.post("/history", body, 202)
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(10) == 0
    assert data.sql("SELECT count(*) FROM user_tool_history") == "50"
    assert sorted(release("1.1").folder.rglob("*")) == files
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    assert (entries[0]["event"], entries[-1]["event"]) == ("started", "stopped")
    assert {entry["version"] for entry in entries} == {"1.1"}
    assert {entry["level"] for entry in entries if entry["event"] == "tool_history"} == {"info"}


SETTINGS = {
    "SPARKLE_DATABASE is not set": {"SPARKLE_DATABASE": ""},
    "SPARKLE_DATABASE must not hold a password": {"SPARKLE_DATABASE": "postgresql://u:secret@h/d"},
    "SPARKLE_DATABASE is not a URL": {"SPARKLE_DATABASE": "not a URL"},
    "SPARKLE_LISTEN must be address:port": {"SPARKLE_LISTEN": "8000"},
    "SPARKLE_REDIS must not hold a password": {"SPARKLE_REDIS": "redis://:secret@h:1/0"},
    "cannot read the password in /none": {"SPARKLE_REDIS_PASSWORD_FILE": "/none"},
}
READ = """
import json, sys
sys.path.insert(0, sys.argv[1])
from sparkle.settings import StartupError, read_settings
for given in json.loads(sys.argv[2]):
    try:
        print(read_settings({"SPARKLE_DATABASE": "postgresql:///none", **given}))
    except StartupError as error:
        print(error)
"""


def test_a_setting_that_is_wrong_is_told_in_one_line_without_its_secret(release):
    given = json.dumps(list(SETTINGS.values()))
    done = release("1.0").python("-c", READ, str(release("1.0").folder / "lib"), given)
    lines = done.stdout.splitlines()
    assert len(lines) == len(SETTINGS), done.stderr
    assert all(line.startswith(said) for line, said in zip(lines, SETTINGS, strict=True)), lines
    assert "secret" not in done.stdout


@pytest.mark.parametrize("name", ["SPARKLE_LISTEN", "SPARKLE_GRPC_LISTEN"])
def test_an_address_that_is_taken_is_refused_in_one_line(release, name):
    program = str(release("1.0").folder / "bin" / "sparkle-api")
    free = {"SPARKLE_LISTEN": "127.0.0.1:0", "SPARKLE_GRPC_LISTEN": "127.0.0.1:0"}
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        given = {**free, name: address, "SPARKLE_DATABASE": "postgresql:///none"}
        done = release("1.0").python(program, SPARKLE_LOG=os.devnull, **given)
    assert done.returncode == 78, done.stderr
    assert done.stderr.splitlines()[-1].startswith(f"sparkle-api: cannot listen on {address}")
