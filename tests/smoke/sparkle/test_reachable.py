"""Smoke tests 1 to 6: the release answers over HTTP, WebSocket and gRPC, with all that it needs."""

from __future__ import annotations

import json
import re
from contextlib import closing

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from websockets.sync.client import connect

SECONDS = 5
# What release 1.0 offered, with the status of its good answers: its clients are still there.
OFFERED_BY_1_0 = {
    ("get", "/health"): "200",
    ("get", "/metrics"): "200",
    ("get", "/schema"): "200",
    ("post", "/users"): "201",
    ("get", "/users/{user_id}"): "200",
    ("delete", "/users/{user_id}"): "204",
    ("post", "/messages"): "201",
    ("get", "/messages"): "200",
    ("get", "/messages/{key}"): "200",
    ("delete", "/messages/{key}"): "204",
    ("get", "/counts"): "200",
    ("post", "/route"): "200",
    ("post", "/chat"): "200",
    ("get", "/workflows/graph"): "200",
}


def test_t01_health_tells_the_release_and_a_database_that_answers(place, service):
    health = service.expect(200, "GET", "/health")
    assert health["status"] == "healthy"
    assert health["version"] == place.release
    assert health["database"]["connected"]
    assert health["database"]["pool_size"] >= 5


def test_t02_the_cache_answers(service):
    assert service.expect(200, "GET", "/health")["cache"]["connected"]


def test_t03_a_websocket_is_opened_and_answers(place, service):
    address = place.url.replace("http", "ws", 1).rstrip("/") + "/ws"
    instance = service.expect(200, "GET", "/health")["instance_id"]
    with connect(address, proxy=None, open_timeout=SECONDS, close_timeout=SECONDS) as socket:
        hello = json.loads(socket.recv(timeout=SECONDS))
        assert hello == {"type": "hello", "version": place.release, "instance_id": instance}
        socket.send("ping")
        assert json.loads(socket.recv(timeout=SECONDS)) == {"type": "pong"}


def test_t04_grpc_health_is_serving(place):
    # A controller's proxy is for the world outside, not for its hosts.
    channel = grpc.insecure_channel(place.grpc, options=[("grpc.enable_http_proxy", 0)])
    with closing(channel):
        health = health_pb2_grpc.HealthStub(channel)
        for name in ("", "sparkle.Api"):
            asked = health_pb2.HealthCheckRequest(service=name)
            answer = health.Check(asked, timeout=SECONDS, wait_for_ready=True)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_t05_metrics_are_those_of_this_process(place, service):
    instance = service.expect(200, "GET", "/health")["instance_id"]
    answer = service.ask("GET", "/metrics")
    assert answer.status == 200
    mine = f'operation="health",version="{place.release}"'
    counted = [line for line in answer.text.splitlines() if "_seconds_count{" in line]
    assert any(mine in line and instance in line for line in counted)
    pool = re.search(r"^sparkle_pool_checked_out\{.*\} (\S+)$", answer.text, re.MULTILINE)
    assert pool
    assert float(pool[1]) >= 0


def test_t06_what_release_1_0_offered_is_still_offered(paths):
    offered = {
        (method, path)
        for path, methods in paths.items()
        for method, about in methods.items()
        if OFFERED_BY_1_0.get((method, path)) in about["responses"]
    }
    assert OFFERED_BY_1_0.keys() - offered == set()
