"""Which mounts a process really sees, as a directory is made read-only only through those."""

from __future__ import annotations

import pytest

from tests.lab.read_only import Mount, visible


def mounts(*lines):
    return [Mount(number, parent, point, ("rw",)) for number, parent, point in lines]


@pytest.mark.parametrize(
    ("table", "seen"),
    [
        ([("1", "0", "/")], ["1"]),
        ([("1", "0", "/"), ("2", "1", "/srv")], ["1", "2"]),
        # mounted over itself: the later one is on the earlier one's root
        ([("1", "0", "/"), ("2", "1", "/srv"), ("3", "2", "/srv")], ["1", "3"]),
        # a mount that came from the machine's own namespace slid beneath a service's
        ([("1", "0", "/"), ("2", "3", "/srv"), ("3", "1", "/srv")], ["1", "2"]),
        # what a service had below /srv is hidden by what came over /srv
        ([("1", "0", "/"), ("2", "1", "/srv/a"), ("3", "1", "/srv")], ["1", "3"]),
        ([("1", "0", "/"), ("3", "1", "/srv"), ("2", "3", "/srv/a")], ["1", "3", "2"]),
    ],
)
def test_a_mount_is_visible_when_its_own_path_leads_to_it(table, seen):
    assert [mount.number for mount in visible(mounts(*table))] == seen


@pytest.mark.parametrize(
    ("options", "writable", "ours"),
    [
        (("rw", "relatime"), True, False),
        (("ro", "relatime"), False, False),
        (("ro", "relatime", "nodiratime"), False, True),
        (("rw", "nodiratime"), True, False),
    ],
)
def test_only_what_carries_the_mark_is_taken_back(options, writable, ours):
    mount = Mount("1", "0", "/srv", options)
    assert (mount.is_writable, mount.is_ours) == (writable, ours)
