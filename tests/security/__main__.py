"""``python -m tests.security``: each item with its tests or reason; ``--write``: the page."""

from __future__ import annotations

import argparse
import sys

from tests.security.page import PAGE, listed, read_items, to_page


def main() -> int:
    """Print the list, or write the page."""
    parser = argparse.ArgumentParser(prog="python -m tests.security")
    parser.add_argument("--write", action="store_true", help="write docs/security.md")
    given = parser.parse_args()
    items = read_items()
    if given.write:
        PAGE.write_text(to_page(items))
        return 0
    for line in listed(items):
        print(line)
    proved = sum(bool(item.tests) for item in items)
    print(f"\n{len(items)} items, {proved} of them proved by tests")
    return 0


if __name__ == "__main__":
    sys.exit(main())
