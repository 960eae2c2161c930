"""Synthetic requests: a steady stream of GETs to this machine while a window is open."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator

from .joining import join_until
from .model import Reading, SourceFault, TooLate
from .sources.http import read_answer
from .sources.probe import Request
from .spec import Traffic

WORKERS = 8


def run_traffic(traffic: Traffic, start: float) -> list[Reading]:
    """Make the requests and return what each met, in the order in which they ended.

    Requests are due at a steady pace whatever the service does (an open loop); when all workers
    wait for a slow service, the pace drops to what they can do. A latency is counted from the
    moment of sending, and includes opening the connection.
    """
    total = int(traffic.per_second * traffic.lasting)
    tickets = itertools.count()  # next() on it is atomic in CPython
    made: list[Reading] = []
    workers = [
        threading.Thread(target=work, args=(traffic, start, tickets, total, made), daemon=True)
        for _ in range(min(WORKERS, max(1, total)))
    ]
    for worker in workers:
        worker.start()
    end = start + traffic.lasting + traffic.deadline + 1.0
    for worker in workers:
        join_until(worker, end)
    return sorted(made, key=lambda reading: reading.t)


def work(
    traffic: Traffic, start: float, tickets: Iterator[int], total: int, made: list[Reading]
) -> None:
    """Take the next request that is due until there are no more or the time is over."""
    pause = threading.Event()
    for ticket in tickets:
        due = ticket / traffic.per_second
        if ticket >= total:
            return
        pause.wait(max(0.0, start + due - time.monotonic()))
        if time.monotonic() > start + traffic.lasting:
            return
        request = read_request(traffic.urls[ticket % len(traffic.urls)], traffic.deadline)
        made.append(Reading(time.monotonic() - start, request, due=due))


def read_request(url: str, deadline: float) -> Request:
    """One GET: how long it took, and how it failed if it did."""
    began = time.monotonic()
    failure, late = "", False
    try:
        answer = read_answer(url, deadline, "*/*")
        failure = "" if answer.status == 200 else f"HTTP {answer.status}"
    except TooLate as fault:
        failure, late = fault.what, True
    except SourceFault as fault:
        failure = fault.what
    return Request(url, time.monotonic() - began, failure, late)
