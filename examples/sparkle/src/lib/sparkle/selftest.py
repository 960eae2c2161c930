"""A proof that this release's code works on a given database, without the service being live.

Runs the application in this process against SPARKLE_DATABASE, which is meant to be a copy: it reads
what is there, writes as this release writes, and leaves that behind, so that another release can be
tried on it. One line for each check; exit status 0 only when all of them passed.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from sparkle.proofs import CHECKS as MORE
from sparkle.settings import StartupError, read_release, read_settings
from sparkle.trial import CheckFailed, Client, application

ROWS = 50
TROUBLE = (CheckFailed, SQLAlchemyError, KeyError, TypeError, ValueError)
# More than one line, more than one byte a letter: what a change of form may lose.
TEXT = "first line\nsecond line, with \u00e9 and \u4f60\u597d"


def health(client: Client) -> None:
    """This release answers, and so does the database."""
    found = client.expect(200, "GET", "/health")
    if found["version"] != client.service.identity.version:
        raise CheckFailed(f"health says {found['version']}")


def old_messages(client: Client) -> None:
    """The newest messages can be read, whichever release wrote them."""
    query = text("SELECT key FROM messages ORDER BY id DESC LIMIT :rows")
    with client.service.database.session() as session:
        keys = session.scalars(query, {"rows": ROWS}).all()
    for key in keys:
        if not client.expect(200, "GET", f"/messages/{key}")["text"]:
            raise CheckFailed(f"message {key} came back empty")
    client.expect(200, "GET", "/messages", limit=ROWS)


def user(client: Client) -> None:
    """A user is created and read."""
    made = client.expect(201, "POST", "/users", {"name": client.new_name()})
    if client.expect(200, "GET", f"/users/{made['id']}") != made:
        raise CheckFailed("the user came back otherwise")


def message(client: Client) -> None:
    """A message is written once, and read as it was written."""
    made = {"key": client.new_name(), "text": TEXT, "user_id": client.user()}
    client.expect(201, "POST", "/messages", made)
    if client.expect(200, "GET", f"/messages/{made['key']}")["text"] != TEXT:
        raise CheckFailed("the message came back otherwise")
    client.expect(409, "POST", "/messages", made)


def deletion(client: Client) -> None:
    """A message is deleted alone, a user with all messages."""
    user, keys = client.user(), (client.new_name(), client.new_name())
    for key in keys:
        client.expect(201, "POST", "/messages", {"key": key, "text": TEXT, "user_id": user})
    alone, written, writer = f"/messages/{keys[0]}", f"/messages/{keys[1]}", f"/users/{user}"
    for path in (alone, writer):
        client.expect(204, "DELETE", path)
        client.expect(404, "DELETE", path)
    for path in (alone, written, writer):
        client.expect(404, "GET", path)


def question(client: Client) -> None:
    """A question is answered by the tool that suits it."""
    asked = {"user_id": client.user(), "text": "the sum of 2 and 40"}
    found = client.expect(200, "POST", "/chat", asked)
    if (found["tool"], found["answer"]) != ("calculator", "42"):
        raise CheckFailed(f"the question was answered with {found}")


CHECKS: tuple[tuple[str, Callable[[Client], None]], ...] = (
    ("health tells this release", health),
    ("messages that were there can be read", old_messages),
    ("a user is created", user),
    ("a message is written and read back", message),
    ("what is deleted is gone", deletion),
    ("a question is answered", question),
)


def run(root: Path) -> list[str]:
    """Run every check; returns the names of those that failed."""
    failed: list[str] = []
    with application(read_settings(os.environ), read_release(root).version) as client:
        for name, check in (*CHECKS, *MORE):
            try:
                check(client)
            except TROUBLE as error:
                failed.append(name)
                print(f"FAIL {name}: {str(error).partition(chr(10))[0]}", flush=True)
            else:
                print(f"ok   {name}", flush=True)
    return failed


def main(root: Path) -> int:
    """Run the proof; returns the exit status."""
    # What fails is told in its line; the service's own log would only drown it.
    logging.disable(logging.CRITICAL)
    try:
        failed = run(root)
    except StartupError as error:
        print(f"sparkle-selftest: {error}", file=sys.stderr)
        return 78
    # The last line is what a caller shows who has room for one.
    print(f"{len(failed)} failed, the first: {failed[0]}" if failed else "all passed")
    return 1 if failed else 0
