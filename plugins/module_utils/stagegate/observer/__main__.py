"""``python -m stagegate.observer --orders <file>``: pass after pass until all windows are judged.

With ``--once`` one pass, after which systemd's timer is set for the next one. The exit status is 0
when there is nothing left to do, or the verdict's code when the observer itself failed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ..errors import StagegateError
from . import under_supervisord, under_systemd
from .orders import read_orders
from .passes import run_pass, run_passes


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program."""
    parser = argparse.ArgumentParser(prog="stagegate.observer", description=__doc__)
    parser.add_argument("--orders", required=True, type=Path, help="what it is told, as JSON")
    parser.add_argument("--once", action="store_true", help="one pass, then set the timer")
    parser.add_argument("--supervisor", type=Path, help="file with the supervisor's process number")
    given = parser.parse_args(argv)
    try:
        orders = read_orders(given.orders)
        if given.once:
            under_systemd.schedule(orders, run_pass(orders))
            return 0
        run_passes(orders)
    except StagegateError as error:
        sys.stderr.write(f"{error.what}\n{error.next}\n")
        return error.code
    if given.supervisor:
        under_supervisord.end_supervisor(given.supervisor)
    return 0


if __name__ == "__main__":
    sys.exit(main())
