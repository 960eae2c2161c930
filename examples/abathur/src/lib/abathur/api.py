"""The process that answers requests."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from pathlib import Path

from starlette.types import ASGIApp

from abathur import audit, documents, extras, layers, memory, plans, sessions, tasks, web
from abathur.database import Database, connect, require_migrations
from abathur.embedding import Embedder
from abathur.operation import Operation
from abathur.release import read_release
from abathur.settings import StartupError, read_settings
from abathur.telemetry import Identity, observe_database, start_log


def operations(embedder: Embedder) -> Iterable[Operation]:
    """Return everything that can be asked of the service; of two that fit, the first is taken."""
    return (
        *extras.OPERATIONS,
        *sessions.OPERATIONS,
        *memory.OPERATIONS,
        *audit.OPERATIONS,
        *tasks.OPERATIONS,
        *documents.OPERATIONS,
        *documents.Search(embedder).operations(),
        *plans.OPERATIONS,
    )


def open_database(path: Path, wanted: tuple[str, ...]) -> Database:
    """Open the database, if it has had every migration in `wanted`."""
    try:
        connection = connect(path)
    except sqlite3.Error as error:
        raise StartupError(f"cannot open {path}: {error}") from error
    try:
        require_migrations(connection, wanted)
    finally:
        connection.close()
    return Database(path)


def run(root: Path) -> None:
    """Serve the release in `root` until told to stop."""
    settings = read_settings(os.environ, "ABATHUR_LISTEN", "127.0.0.1:8000")
    release = read_release(root)
    identity = Identity(release.version)
    database = open_database(settings.database, release.migrations)
    listener = web.bind(settings)
    start_log(settings.log, identity)
    observe_database(database, identity)
    app: ASGIApp = web.build(database, identity, operations(Embedder(settings.embeddings_url)))
    for layer in layers.LAYERS:
        app = layer(app)
    web.serve("abathur-api", app, listener, identity)
    database.pool.close()


def main(root: Path) -> int:
    """Run the process; returns its exit status."""
    try:
        run(root)
    except StartupError as error:
        return web.refuse("abathur-api", error)
    return 0
