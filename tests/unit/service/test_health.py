"""Only an answer that says that it works, and what it is, is a good one."""

from __future__ import annotations

import json
import socket
import threading
import time
from typing import Any

import pytest

from stagegate.service import health
from stagegate.service.health import Reply, ask, judge
from stagegate.service.model import read_service
from tests.unit.service.helpers import free_port, noun

HEALTH = read_service(noun()).health
GOOD = {"version": "1.1", "instance_id": "abc", "status": "healthy"}


def reply(
    value: Any, status: int = 200, kind: str = "application/json", location: str = ""
) -> Reply:
    """A response with this body."""
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return Reply(status, kind, location, body)


@pytest.mark.parametrize(
    "value",
    [
        GOOD,
        {**GOOD, "status": "ok"},
        {"version": "1.1", "instance_id": "abc"},
        {**GOOD, "status": "UP"},
        {**GOOD, "instance_id": 4711},
    ],
)
def test_takes_a_good_answer(value: dict[str, Any]) -> None:
    answer = judge(reply(value), HEALTH)
    assert answer.good
    assert answer.version == "1.1"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (reply({**GOOD, "status": "degraded"}), "its status is degraded"),
        (reply({**GOOD, "status": "unhealthy"}, 503), "HTTP 503"),
        (reply({**GOOD, "status": None}), "its status is None"),
        (reply({**GOOD, "status": 1}), "its status is 1"),
        (reply(b"<html>It works!</html>", kind="text/html"), "with HTML"),
        (reply(b"ok", kind="text/plain"), "no JSON object"),
        (reply(b""), "no JSON object"),
        (reply([GOOD]), "no JSON object"),
        (reply(b"[" * 60_000), "no JSON object"),
        (reply(GOOD, 302, location="/login"), "redirects to /login"),
        (reply(GOOD, 301), "redirects"),
        (reply(GOOD, 204), "HTTP 204"),
        (reply(GOOD, 500), "HTTP 500"),
        (reply({"instance_id": "abc"}), "has no version"),
        (reply({**GOOD, "version": 1.1}), "has no version"),
        (reply({"version": "1.1"}), "has no instance_id"),
        (reply({**GOOD, "instance_id": None}), "has no instance_id"),
    ],
)
def test_tells_what_is_wrong_with_another(given: Reply, words: str) -> None:
    answer = judge(given, HEALTH)
    assert not answer.good
    assert words in answer.fault


def test_a_hostile_answer_cannot_write_to_the_terminal() -> None:
    answer = judge(reply(b"\x1b[2J\r\n" + b"x" * 5000), HEALTH)
    assert "\x1b" not in answer.fault
    assert len(answer.fault) < 400


def serve(port: int, data: bytes, pause: float = 0.0) -> threading.Thread:
    """Answer one connection with these bytes, one by one when there is a pause between them."""
    listener = socket.create_server(("127.0.0.1", port))

    def answer() -> None:
        with listener, listener.accept()[0] as peer:
            peer.recv(4096)
            parts = [data[i : i + 1] for i in range(len(data))] if pause else [data]
            for part in parts:
                try:
                    peer.sendall(part)
                except OSError:
                    return
                time.sleep(pause)

    thread = threading.Thread(target=answer)
    thread.start()
    return thread


def asked(data: bytes, pause: float = 0.0) -> health.Answer:
    """What asking a server that sends this gives."""
    port = free_port()
    thread = serve(port, data, pause)
    answer = ask(read_service(noun(port=port)).health)
    thread.join()
    return answer


def test_nobody_there_is_not_a_bad_answer_but_none() -> None:
    answer = ask(read_service(noun(port=free_port())).health)
    assert not answer.reached
    assert answer.fault == "nothing listens there"


@pytest.mark.parametrize("data", [b"", b"\x00\xff" * 50, b"HTTP/1.1 banana\r\n\r\n"])
def test_what_is_no_http_is_a_fault_of_somebody_there(data: bytes) -> None:
    answer = asked(data)
    assert answer.reached
    assert answer.fault


def test_one_that_drips_bytes_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "TIMEOUT", 0.2)
    body = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * 40
    begun = time.monotonic()
    answer = asked(body[:50], pause=0.02)
    assert "no whole answer" in answer.fault
    assert time.monotonic() - begun < 5


def test_a_flood_is_cut() -> None:
    body = b'{"version": "' + b"x" * (1 << 20)
    answer = asked(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    assert "no JSON object" in answer.fault
