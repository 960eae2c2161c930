"""Where a test may stop a run: at every entry of the ledger. Shipped, it stops nothing.

There is nothing here to switch on: no variable, no file, no environment is read. A test that kills
a run at an entry puts a file of its own with this name before this one on the controller's path of
module utilities (``ANSIBLE_MODULE_UTILS``), which no inventory and no play can set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .ledger import Entry


def reached(when: str, entry: Entry) -> None:
    """Do nothing. ``when`` is "before" or "after" the entry is on the disk."""
