"""The protocol as a server speaks it, and as something that is no server does."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stagegate.errors import BadInput, Refused, StepFailed
from stagegate.redis import client as client_module
from stagegate.redis.client import Client, RedisError, Unreachable, connected
from stagegate.redis.model import Store
from stagegate.redis.password import read_password
from tests.unit.redis.helpers import Site


@contextmanager
def speaking(*parts: bytes) -> Iterator[Client]:
    """A client of something that says these bytes, one packet after the other, and closes."""
    ours, theirs = socket.socketpair()

    def say() -> None:
        with theirs:
            for part in parts:
                theirs.sendall(part)
            theirs.shutdown(socket.SHUT_WR)
            while theirs.recv(4096):
                pass

    thread = threading.Thread(target=say, daemon=True)
    thread.start()
    with ours:
        yield Client(ours, "nowhere", timeout=1)
    thread.join()


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (b"+OK\r\n", b"OK"),
        (b":-7\r\n", -7),
        (b"$-1\r\n", None),
        (b"*-1\r\n", None),
        (b"$0\r\n\r\n", b""),
        (b"$4\r\n\r\n\r\n\r\n", b"\r\n\r\n"),
        (b"*2\r\n$1\r\na\r\n*1\r\n:1\r\n", [b"a", [1]]),
    ],
)
@pytest.mark.parametrize("cut", [1, 2, 3, 1000])
def test_an_answer_is_read_however_it_is_cut_into_packets(
    said: bytes, meant: object, cut: int
) -> None:
    parts = [said[at : at + cut] for at in range(0, len(said), cut)]
    with speaking(*parts) as client:
        assert client.call("PING") == meant


def test_a_refusal_is_told_in_the_servers_words() -> None:
    with (
        speaking(b"-ERR no \x1b[31mway\r\n") as client,
        pytest.raises(StepFailed, match=r"refused CONFIG GET: ERR no \?\[31mway"),
    ):
        client.call("CONFIG", "GET", "x")


def test_one_refusal_among_many_is_in_its_place() -> None:
    with speaking(b"+A\r\n-B\r\n+C\r\n") as client:
        first, second, third = client.pipeline([("A",), ("B",), ("C",)])
    assert (first, third) == (b"A", b"C")
    assert isinstance(second, RedisError)


@pytest.mark.parametrize("said", [b"HTTP/1.1 400 Bad Request\r\n", b"$999999999999\r\n", b"!x\r\n"])
def test_something_else_is_told_from_a_redis(said: bytes) -> None:
    with speaking(said) as client, pytest.raises(StepFailed, match="is no Redis"):
        client.call("PING")


@pytest.mark.parametrize("said", [b"", b"+O", b"$5\r\nab", b"*3\r\n:1\r\n"])
def test_an_answer_that_was_cut_off_is_no_answer(said: bytes) -> None:
    with speaking(said) as client, pytest.raises(Unreachable, match="closed the connection"):
        client.call("PING")


def test_nobody_is_waited_for_longer_than_agreed() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(Unreachable, match="does not answer"):
        Client(ours, "nowhere", timeout=0.2).call("PING")


def test_no_word_can_end_a_command() -> None:
    words = client_module.encoded(("SET", b"a\r\nFLUSHALL\r\n", 7))
    assert words == b"*3\r\n$3\r\nSET\r\n$13\r\na\r\nFLUSHALL\r\n\r\n$1\r\n7\r\n"


def test_a_large_value_arrives_whole(site: Site) -> None:
    with site.client() as client:
        value = os.urandom(5 << 20)
        client.call("SET", "large", value)
        assert client.call("GET", "large") == value


def test_a_server_is_reached_through_its_socket(make_site: Callable[..., Site]) -> None:
    site = make_site(unixsocket="/tmp/stagegate-test.sock", keys=5)
    store = Store.from_params({**site.store, "port": 1, "socket": "/tmp/stagegate-test.sock"})
    with connected(store, "stagegate/test") as client:
        assert client.call("PING") == b"PONG"
    assert store.place == "/tmp/stagegate-test.sock"


def test_nobody_listens(site: Site) -> None:
    store = Store.from_params({**site.store, "port": 1})
    with pytest.raises(Unreachable, match=r"Redis at 127\.0\.0\.1:1 does not answer"):
        connected(store, "x").__enter__()


def test_our_connections_have_a_name(site: Site) -> None:
    with connected(Store.from_params(site.store), site.task("stage").client_name) as client:
        listed = client.call("CLIENT", "LIST").decode()
    assert f"name=stagegate/{site.run_id}/stage:cache" in listed


def test_the_password_is_in_no_error(site: Site) -> None:
    site.server.password_file.write_text("the wrong secret\n")
    with pytest.raises(StepFailed) as refused:
        connected(Store.from_params(site.store), "x").__enter__()
    assert "WRONGPASS" in refused.value.what
    assert "secret" not in str(refused.value.parts())


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o660, 0o644])
def test_a_password_that_others_can_read_is_not_used(tmp_path: Path, mode: int) -> None:
    place = tmp_path / "password"
    place.write_text("canary\n")
    place.chmod(mode)
    with pytest.raises(Refused, match="others may read it") as refused:
        read_password(place)
    assert "canary" not in str(refused.value.parts())


def test_a_password_is_the_first_line_of_an_ordinary_file(tmp_path: Path) -> None:
    place = tmp_path / "password"
    place.touch(0o600)
    place.write_bytes(b"s\xc3\xa9cret with space\r\nmore\n")
    assert read_password(place) == b"s\xc3\xa9cret with space"
    assert read_password(None) is None
    link, empty, fifo = tmp_path / "link", tmp_path / "empty", tmp_path / "fifo"
    link.symlink_to(place)
    empty.touch(0o600)
    os.mkfifo(fifo, 0o600)
    for wrong in (link, empty, fifo, tmp_path, tmp_path / "missing"):
        with pytest.raises(Refused, match="the password file"):
            read_password(wrong)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_password_of_somebody_else_is_not_used(tmp_path: Path) -> None:
    place = tmp_path / "password"
    place.touch(0o600)
    place.write_text("x")
    os.chown(place, 65534, 65534)
    with pytest.raises(Refused, match="belongs to user 65534"):
        read_password(place)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", "Cache"),
        ("data", "var/lib/redis"),
        ("data", "/var/../redis"),
        ("data", None),
        ("unit", "redis server"),
        ("unit", "-x"),
        ("unit", None),
        ("port", 0),
        ("port", 70000),
        ("port", "many"),
        ("address", "127.0.0.1; x"),
        ("password_file", "secret"),
        ("reserve_mb", -1),
    ],
)
def test_the_noun_is_checked(key: str, value: object) -> None:
    good = {"name": "cache", "data": "/var/lib/redis", "unit": "redis-server.service"}
    assert Store.from_params(good).unit == "redis-server"
    with pytest.raises(BadInput, match=key):
        Store.from_params({**good, key: value})


def test_an_account_that_is_not_there_is_told() -> None:
    store = {"name": "cache", "data": "/x", "unit": "redis", "owner": "nobody-of-this-name"}
    with pytest.raises(BadInput, match="does not exist on this host"):
        Store.from_params(store).owner_ids()
