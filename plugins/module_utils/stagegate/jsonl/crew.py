"""Blocks of lines judged by several processes, and told in the order in which they came.

Parsers hold the interpreter's lock, so threads would not help. A block goes to its process through
shared memory, so that what is judged is what was read, to the byte.
"""

from __future__ import annotations

import contextlib
import mmap
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ..errors import GateUnknown
from .judge import Judged
from .pieces import LINES, Piece

Work = Callable[[bytes, bool], Judged]

AHEAD = 2
"""Blocks that each process has: one in work, one that waits."""

WORTH_IT = 16 << 20
"""Bytes from which on a second process saves more time than it takes to start."""

USUAL = 2


def processes_for(asked: int, size: int) -> int:
    """How many processes judge a file; 1 is this one alone."""
    if asked:
        return asked
    return 1 if size < WORTH_IT else min(USUAL, len(os.sched_getaffinity(0)))


def judged_pieces(
    pieces: Iterable[Piece], work: Work, processes: int, room: int
) -> Iterator[tuple[Piece, Judged | None]]:
    """Every piece in its order; whole lines together with what they are.

    No piece has more than ``room`` bytes. Raises GateUnknown when a process is killed.
    """
    if processes == 1:
        for piece in pieces:
            is_lines = piece.role == LINES
            yield piece, work(piece.data, piece.offset == 0) if is_lines else None
        return
    with crew(work, processes, room) as members:
        waiting: deque[tuple[Piece, Member | None]] = deque()
        sent = 0
        for piece in pieces:
            member = members[sent % processes] if piece.role == LINES else None
            while member and member.busy == AHEAD:
                yield received(*waiting.popleft())
            if member:
                member.send(piece)
                sent += 1
            waiting.append((piece, member))
        while waiting:
            yield received(*waiting.popleft())


class Member:
    """One process, its connection and the memory that is shared with it."""

    def __init__(self, room: int) -> None:
        self.slots = [mmap.mmap(-1, room) for _ in range(AHEAD)]
        self.sent = self.busy = 0
        self.here, self.there = multiprocessing.Pipe()
        self.process: Any = None

    def send(self, piece: Piece) -> None:
        """Give it a block."""
        slot = self.sent % AHEAD
        self.slots[slot][: len(piece.data)] = piece.data
        with killed_is_unknown():
            self.here.send((slot, len(piece.data), piece.offset == 0))
        self.sent += 1
        self.busy += 1

    def receive(self) -> Judged:
        """What the oldest of its blocks is."""
        with killed_is_unknown():
            judged: Judged = self.here.recv()
        self.busy -= 1
        return judged

    def serve(self, work: Work, others: list[Member]) -> None:
        """The process: judge until the other end is closed, by a crash or by intent."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for member in (self, *others):
            member.here.close()
        with contextlib.suppress(EOFError, OSError):
            while True:
                slot, length, first = self.there.recv()
                self.there.send(work(self.slots[slot][:length], first))


@contextlib.contextmanager
def crew(work: Work, processes: int, room: int) -> Iterator[list[Member]]:
    """Start the processes; end them whatever happens."""
    context = multiprocessing.get_context("fork")
    members: list[Member] = []
    try:
        for _ in range(processes):
            member = Member(room)
            member.process = context.Process(
                target=member.serve, args=(work, list(members)), daemon=True
            )
            members.append(member)
            member.process.start()
            member.there.close()
        yield members
    finally:
        for member in members:
            member.here.close()
            if member.process.pid:
                member.process.terminate()
                member.process.join()


def received(piece: Piece, member: Member | None) -> tuple[Piece, Judged | None]:
    """A piece with what it is."""
    return piece, member.receive() if member else None


@contextlib.contextmanager
def killed_is_unknown() -> Iterator[None]:
    """Raise GateUnknown when the process at the other end is gone."""
    try:
        yield
    except (EOFError, OSError) as error:
        raise GateUnknown(
            "a process that judged a part of the file was killed",
            now="there is no verdict",
            untouched="the file",
            next="see whether memory ran out (journalctl -k), and validate again",
        ) from error
