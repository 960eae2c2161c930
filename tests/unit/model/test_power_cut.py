"""What the core has put on the disk outlives a power cut at every call of the system."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest

from stagegate.errors import Interrupted, StagegateError
from stagegate.files import switch_link, write_atomic
from stagegate.journal import Run, open_journal
from stagegate.ledger import read_ledger
from stagegate.lock import Lock
from stagegate.service.guard import guard_stands, lift_guard, raise_guard
from tests.model.disk import Directory, Link
from tests.model.system import Killed, Machine, Place, Process, beneath_the_core, running

MOST_CALLS = 200
CHANCES = 6
"""How often each cut is tried: the disk decides by chance what of the unsynced it keeps."""

Act = Callable[[], Any]


@pytest.fixture(autouse=True)
def simulated() -> Iterator[None]:
    with beneath_the_core():
        yield


def machine(chance: int = 0) -> Machine:
    one = Machine("h1", Random(chance))
    one.disk.add("/s", Directory())
    one.disk.root.sync()
    return one


def context() -> Run:
    return Run("run-1", 0, "demo", "h1", Place("/s"), exclusive=False)  # type: ignore[arg-type]


def lock() -> Lock:
    return Lock(Place("/s"))  # type: ignore[arg-type]


def on(one: Machine, act: Act, fuses: dict[int, Callable[[], None]] | None = None) -> Any:
    """What an act gives as a process of the machine; None when it was killed."""
    try:
        with running(Process(one, "test", fuses or {})):
            return act()
    except Killed:
        return None


def after_power_cut(before: Act, act: Act, look: Act) -> tuple[set[Any], set[Any]]:
    """What is seen after a cut at each call of an act, and after a cut when it was done."""
    amid, after = set(), set()
    for nth in range(1, MOST_CALLS):
        for chance in range(CHANCES):
            one = machine(chance)
            on(one, before)
            done = on(one, act, {nth: one.cut_power})
            finished = one.up
            if finished:
                one.cut_power()
            one.boot_up()
            (after if finished else amid).add(on(one, look))
            assert finished or done is None
        if finished:
            return amid, after
    raise AssertionError("the act has no end")


def nothing() -> None:
    """There was nothing before."""


def append() -> None:
    with open_journal(context()) as journal:
        journal.note("backup", "seen")


def entries() -> int:
    return len(read_ledger(Place("/s/ledger.jsonl")).entries)  # type: ignore[arg-type]


def test_the_first_entry_of_a_ledger_outlives_a_power_cut() -> None:
    amid, after = after_power_cut(nothing, append, entries)
    assert after == {1}
    assert amid <= {0, 1}


def test_an_entry_behind_others_outlives_a_power_cut() -> None:
    amid, after = after_power_cut(append, append, entries)
    assert after == {2}
    assert amid <= {1, 2}


def test_a_replaced_file_is_old_or_new_after_a_power_cut() -> None:
    place = Place("/s/epoch")
    amid, after = after_power_cut(
        lambda: write_atomic(place, b"old"),  # type: ignore[arg-type]
        lambda: write_atomic(place, b"new, and longer"),  # type: ignore[arg-type]
        place.read_bytes,
    )
    assert after == {b"new, and longer"}
    assert amid == {b"old", b"new, and longer"}


def test_a_switched_link_is_switched_after_a_power_cut() -> None:
    place = Place("/s/current")
    amid, after = after_power_cut(
        lambda: switch_link(place, "old"),  # type: ignore[arg-type]
        lambda: switch_link(place, "new"),  # type: ignore[arg-type]
        lambda: str(place.readlink()),
    )
    assert after == {"new"}
    assert amid == {"old", "new"}


def test_a_link_leads_to_the_old_or_the_new_at_every_call() -> None:
    seen = set()
    for nth in range(1, MOST_CALLS):
        one = machine()
        on(one, lambda: switch_link(Place("/s/current"), "old"))  # type: ignore[arg-type]
        fuse = {nth: lambda one=one: seen.add(where(one))}
        on(one, lambda: switch_link(Place("/s/current"), "new"), fuse)  # type: ignore[arg-type]
        seen.add(where(one))
    assert seen == {"old", "new"}


def where(one: Machine) -> str:
    """Where the link leads for somebody who looks at this moment."""
    node = one.disk.find("/s/current")
    return node.target if isinstance(node, Link) else "nowhere"


def holder() -> str:
    return str((lock().owner() or {"run": "nobody"})["run"])


def test_a_lock_that_was_taken_or_freed_is_so_after_a_power_cut() -> None:
    amid, after = after_power_cut(nothing, lambda: lock().acquire("run-1", {}), holder)
    assert after == {"run-1"}
    assert amid == {"nobody", "run-1"}
    amid, after = after_power_cut(
        lambda: lock().acquire("run-1", {}), lambda: lock().release(), holder
    )
    assert after == {"nobody"}
    assert amid == {"nobody", "run-1"}


def test_a_guard_stands_and_is_lifted_after_a_power_cut() -> None:
    amid, after = after_power_cut(
        nothing, lambda: raise_guard(context()), lambda: guard_stands(context())
    )
    assert after == {True}
    assert amid == {False, True}
    amid, after = after_power_cut(
        lambda: raise_guard(context()),
        lambda: lift_guard(context()),
        lambda: guard_stands(context()),
    )
    assert after == {False}
    assert amid == {False, True}


def fill(one: Machine) -> None:
    one.full = True


def test_a_line_that_a_full_disk_cut_short_is_no_entry() -> None:
    for nth in range(1, 40):
        one = machine(nth)
        on(one, append)
        failed = False
        try:
            on(one, append, {nth: lambda one=one: fill(one)})
        except StagegateError:
            failed = True
        one.full = False
        assert on(one, entries) == (1 if failed else 2)
        on(one, append)
        assert on(one, entries) == (2 if failed else 3)


def test_a_disk_that_fills_up_while_the_lock_is_taken_is_not_called_held() -> None:
    for nth in range(1, 60):
        one = machine(nth)
        try:
            on(one, lambda: lock().acquire("run-1", {}), {nth: lambda one=one: fill(one)})
        except StagegateError as error:
            raise AssertionError(f"a full disk is told as: {error}") from error
        except OSError:
            assert on(one, holder) == "nobody"


def test_nothing_is_written_behind_a_line_that_may_be_lost() -> None:
    one = machine()
    on(one, append)

    def step() -> None:
        process = Process(one, "step")
        with (
            running(process),
            open_journal(context()) as journal,
            journal.step("backup", "store:m") as step,
        ):
            process.sync_fails = True
            step.done()

    with pytest.raises(Interrupted):
        step()
    raw = on(one, Place("/s/ledger.jsonl").read_bytes)
    assert [b'"kind":"done"' in line for line in raw.splitlines()] == [False, False]
