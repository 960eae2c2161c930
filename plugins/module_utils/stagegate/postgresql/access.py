"""How an action reaches the server: sessions on its databases, and programs beside them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from .client import Connection, told
from .databases import ADMIN_DATABASE
from .programs import Tools, tools_of
from .session import application_name, connect, end_orphans
from .task import Task

MAJOR = 10000


@contextmanager
def opened(task: Task, database: str) -> Iterator[Connection]:
    """A session on one database, for questions that take as long as the data are large."""
    with closing(
        connect(task.store, database, run=task.run, step=task.step, deadline=task.deadline)
    ) as connection:
        yield connection


@contextmanager
def server(task: Task) -> Iterator[Connection]:
    """A session beside all databases, with no orphan of this run left on any of them.

    What the server says against the work in the block ends the step, in the server's own words.
    """
    what = f"{task.action} of {task.store.name} on {task.run.host}"
    with told(what), opened(task, ADMIN_DATABASE) as admin:
        end_orphans(admin, task.run.id)
        yield admin


def tools_for(connection: Connection) -> Tools:
    """pg_dump and pg_restore for the server of a session."""
    return tools_of(connection.info.server_version // MAJOR)


def program_url(task: Task, database: str, program: str) -> str:
    """The URL with which a program of ours connects, under the name of this run."""
    called = application_name(task.run, f"{program}:{task.store.name}")
    return f"{task.url(database)}&user={task.store.admin}&application_name={called}"
