"""The process that keeps the documents of a watched directory indexed."""

from __future__ import annotations

import os
import sqlite3
import threading
from pathlib import Path

from prometheus_client import Counter, Gauge

from abathur import web
from abathur.api import open_database
from abathur.embedding import Embedder
from abathur.operation import ServiceError
from abathur.release import read_release
from abathur.settings import StartupError, read_settings
from abathur.sync import DocumentSync
from abathur.telemetry import LOG, Identity, observe_database, start_log

SYNCED = Counter("abathur_documents_synced", "Documents indexed, anew or again", ("result",))
LAST_PASS = Gauge("abathur_sync_last_pass_timestamp_seconds", "When the last pass ended")


def watch(sync: DocumentSync, interval: float, stop: threading.Event) -> None:
    """Pass over the directory every `interval` seconds until `stop`."""
    while not stop.is_set():
        try:
            for result, number in sync.run_once().items():
                SYNCED.labels(result).inc(number)
            LAST_PASS.set_to_current_time()
        except (OSError, sqlite3.Error, ServiceError) as error:
            # The next pass tries again; what it had in hand is still marked as waiting.
            LOG.error("sync failed", exc_info=error)
        stop.wait(interval)


def make_watched(directory: Path) -> None:
    """Create the directory to watch, if it is not there yet."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StartupError(f"cannot watch {directory}: {error.strerror}") from error


def run(root: Path) -> None:
    """Serve the release in `root` until told to stop."""
    settings = read_settings(os.environ, "ABATHUR_WORKERS_LISTEN", "127.0.0.1:8001")
    if settings.documents is None:
        raise StartupError("ABATHUR_DOCUMENTS is not set: name the directory to keep indexed")
    release = read_release(root)
    identity = Identity(release.version)
    database = open_database(settings.database, release.migrations)
    listener = web.bind(settings)
    start_log(settings.log, identity)
    observe_database(database, identity)
    make_watched(settings.documents)
    sync = DocumentSync(database, Embedder(settings.embeddings_url), settings.documents)
    stop = threading.Event()
    watcher = threading.Thread(
        target=watch, args=(sync, settings.sync_interval, stop), name="sync", daemon=True
    )
    watcher.start()
    web.serve("abathur-workers", web.build(database, identity, ()), listener, identity)
    stop.set()
    watcher.join(web.STOP_WITHIN)
    database.pool.close()


def main(root: Path) -> int:
    """Run the process; returns its exit status."""
    try:
        run(root)
    except StartupError as error:
        return web.refuse("abathur-workers", error)
    return 0
