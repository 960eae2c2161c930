"""A signal that does not wake the waiting thread is heeded all the same."""

from __future__ import annotations

import itertools
import signal
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from stagegate.gates.model import Reader
from stagegate.gates.spec import Traffic
from stagegate.gates.window import run_window
from tests.unit.gates.helpers import FakeService

OPEN = 20.0
"""Seconds that each window would last without the signal."""


class Interrupted(Exception):
    """Stands for KeyboardInterrupt, which would end the run of the tests."""


@pytest.fixture(autouse=True)
def _interrupting() -> Iterator[None]:
    def interrupt(*_: object) -> None:
        raise Interrupted

    former = signal.signal(signal.SIGUSR1, interrupt)
    yield
    signal.signal(signal.SIGUSR1, former)


def signals(at: int) -> Callable[[], None]:
    """Give one signal to the thread that calls for the nth time; the main thread is not woken.

    No more than one: the threads of a window that was left go on, beyond the end of the test.
    """
    calls = itertools.count()

    def signal_here() -> None:
        if next(calls) == at:
            signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)

    return signal_here


def test_readers_are_not_waited_for_once_a_signal_came() -> None:
    began = time.monotonic()
    with pytest.raises(Interrupted):
        run_window([Reader(("x",), signals(at=0), (0.2, OPEN), 1.0)], None)
    assert time.monotonic() - began < OPEN / 2


def test_requests_are_not_waited_for_once_a_signal_came(
    service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, called = service.answer, signals(at=1)  # by then the main thread is at its wait

    def answering(handler: BaseHTTPRequestHandler) -> None:
        called()
        original(handler)

    monkeypatch.setattr(service, "answer", answering)
    began = time.monotonic()
    with pytest.raises(Interrupted):
        run_window([], Traffic(1.0, OPEN, (f"{service.base}/events",), 1.0))
    assert time.monotonic() - began < OPEN / 2
