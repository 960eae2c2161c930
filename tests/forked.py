"""A copy of the test's process that does one thing and ends, whatever becomes of it.

A copy that an exception leaves would go on as a second pytest, and report for the first.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable

BROKEN = 70
"""The exit status of a copy that an exception ended; what it was stands on the error channel."""


def fork(act: Callable[[], int | None]) -> int:
    """Return the process id of a copy of this process that ends with the status ``act`` returns.

    Only the calling thread goes on in the copy, and nothing of the test's is closed or removed.
    """
    child = os.fork()
    if child:
        return child
    status = BROKEN
    try:
        status = act() or 0
    except BaseException:  # noqa: BLE001 - whatever it is, it may not leave the copy
        traceback.print_exc()
    finally:
        os._exit(status)
