"""An image of the whole server: a snapshot that Redis wrote, copied, loaded again, and counted."""

from __future__ import annotations

import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import BadInput, StepFailed
from ..files import fsync_dir, make_private_dir
from ..store.copying import copy_file, digest_file
from ..store.space import Need, refuse_shortage
from .client import Client, RedisError
from .content import Content, read_content
from .manifest import FILE, PIN, SNAPSHOT, VERSION, Manifest, write_manifest
from .scratch import served
from .server import LOOK, Layout, info, key_counts, layout_of, settings
from .task import Task

BUSY = ("already in progress", "Background append only file rewriting")


def take_image(client: Client, task: Task, directory: Path, taken: str, frozen: bool) -> Manifest:
    """Have Redis write a snapshot, copy it, and prove the copy by a server that loads it.

    Nothing of a failed try is left, and a directory without a manifest is no image. ``taken`` is
    UTC text. Raises StepFailed, Refused when there is no room, and BadInput when a finished image
    is there already.
    """
    layout = layout_of(settings(client))
    refuse_no_room(client, task, layout, directory)
    clear(directory)
    make_private_dir(directory)
    try:
        held = bool(key_counts(client))
        write_snapshot(client, task.deadline, blocking=frozen)
        copy_file(layout.rdb, directory / SNAPSHOT)
        fsync_dir(directory)
        with served_image(task, directory / SNAPSHOT, layout.databases) as copy:
            content = read_content(copy)
        refuse_empty(content, held and bool(key_counts(client)))
        manifest = written_down(client, task, directory, layout, content, taken, frozen)
        write_manifest(directory, manifest)
    except BaseException:
        clear(directory)
        raise
    return manifest


def refuse_no_room(client: Client, task: Task, layout: Layout, directory: Path) -> None:
    """Raise Refused unless snapshot, copy and loaded copy have room, and the reserve of services.

    What Redis holds in memory is the upper bound of what it writes.
    """
    size = int(info(client, "memory")["used_memory"])
    places = (layout.rdb.parent, directory, task.scratch)
    refuse_shortage([Need(place, size) for place in places], task.store.reserve)


def write_snapshot(client: Client, seconds: float, *, blocking: bool) -> None:
    """Have Redis write all it holds into its snapshot file; beside its users unless ``blocking``.

    Its own account of it must say that one more was written and that the last went well.
    """
    end = time.monotonic() + seconds
    before = await_quiet(client, end)
    usual, client.timeout = client.timeout, seconds
    begin(client, "SAVE" if blocking else "BGSAVE", end)
    client.timeout = usual
    after = await_quiet(client, end)
    written = int(after["rdb_saves"]) - int(before["rdb_saves"])
    if after["rdb_last_bgsave_status"] != "ok" or written < 1:
        raise StepFailed(
            f"Redis at {client.place} did not write its snapshot: its last one ended as "
            f"{after['rdb_last_bgsave_status']}",
            now="no image was taken",
            untouched="the live data",
            next="see the log of Redis (no room on its disk, or no memory to fork), then run this "
            "again",
        )


def begin(client: Client, command: str, end: float) -> None:
    """Give the command, again while Redis is at another save of its own."""
    while True:
        answer = client.pipeline([(command,)])[0]
        if not isinstance(answer, RedisError):
            return
        if not any(word in str(answer) for word in BUSY) or time.monotonic() > end:
            raise StepFailed(f"Redis at {client.place} refused {command}: {answer}")
        time.sleep(LOOK)


def await_quiet(client: Client, end: float) -> dict[str, str]:
    """What Redis says of its files once it is not writing any. Raises StepFailed at ``end``."""
    while True:
        told = info(client, "persistence")
        if told["rdb_bgsave_in_progress"] == "0" and told["aof_rewrite_in_progress"] == "0":
            return told
        if time.monotonic() > end:
            raise StepFailed(
                f"Redis at {client.place} has not finished writing its files in time",
                now="no image was taken",
                untouched="the live data",
                next="see what slows its disk, or give stores[].backup_deadline more seconds",
            )
        time.sleep(LOOK)


@contextmanager
def served_image(task: Task, image: Path, databases: int) -> Iterator[Client]:
    """A server of our own that has loaded a copy of an image."""
    with served(
        image,
        task.scratch,
        task.run.scratch,
        owner=task.store.owner,
        databases=databases,
        seconds=task.deadline,
    ) as client:
        yield client


def refuse_empty(content: Content, expected: bool) -> None:
    """Raise StepFailed for an image without a key of a server that has some.

    More cannot be compared while users write: what an image holds is told by the image itself.
    """
    if expected and not content.keys:
        raise StepFailed(
            "the snapshot that Redis wrote holds no key, though the server does",
            now="no image was taken",
            untouched="the live data",
            next="see whether `dir` and `dbfilename` are those of the running server",
        )


def written_down(
    client: Client,
    task: Task,
    directory: Path,
    layout: Layout,
    content: Content,
    taken: str,
    frozen: bool,
) -> Manifest:
    """The manifest of an image that was loaded and counted."""
    original = layout.rdb.lstat()
    return Manifest(
        version=VERSION,
        store=task.store.name,
        run=task.run.id,
        frozen=frozen,
        source=str(layout.rdb),
        file=SNAPSHOT,
        taken=taken,
        bytes=(directory / SNAPSHOT).stat().st_size,
        sha256=digest_file(directory / SNAPSHOT),
        redis=info(client, "server")["redis_version"],
        content=content.plain(),
        layout=layout.plain(),
        uid=original.st_uid,
        gid=original.st_gid,
        mode=f"{stat.S_IMODE(original.st_mode):04o}",
    )


def image_evidence(manifest: Manifest) -> dict[str, Any]:
    """What the report shows of the image."""
    return {
        "frozen": manifest.frozen,
        "freeze": manifest.run,
        "bytes": manifest.bytes,
        "sha256": manifest.sha256,
        "databases": manifest.content["databases"],
        "keys": manifest.keys,
        "volatile_keys": manifest.content["volatile_keys"],
        "content": manifest.content["sha256"],
    }


def discard(directory: Path) -> None:
    """Remove an image that is not what users last saw any more; its manifest goes first."""
    (directory / FILE).unlink(missing_ok=True)
    clear(directory)


def clear(directory: Path) -> None:
    """Remove what an unfinished image left. Raises BadInput for a finished one."""
    if not directory.exists():
        return
    if (directory / FILE).exists() or (directory / PIN).exists():
        raise BadInput(
            f"{directory} holds a finished image already",
            now="it was left as it is",
            untouched="the live data",
            next="back up under another run, or resume this one",
        )
    shutil.rmtree(directory)
