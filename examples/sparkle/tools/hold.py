"""Hold a transaction open that has read the messages, as a report that is left alone does.

Until it ends (SIGTERM, SIGINT, or --seconds) nothing that needs the table to itself can have it.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from types import FrameType

import psycopg


def main() -> int:
    """Hold from the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", required=True, help="its URL, as libpq takes it")
    parser.add_argument("--seconds", type=float, help="end after so long")
    given = parser.parse_args()
    ended = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ended.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    with psycopg.connect(given.database, application_name="sparkle-report") as connection:
        rows = connection.execute("SELECT count(*) FROM messages").fetchone()
        print(f"holding a transaction that has read {rows[0] if rows else 0} messages", flush=True)
        ended.wait(given.seconds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
