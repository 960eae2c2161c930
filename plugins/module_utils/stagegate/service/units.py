"""The descriptions of services on a host: installed by a run, and put back as it found them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..errors import Refused, StepFailed
from ..files import fsync_dir, make_private_dir, write_atomic
from ..journal import Journal
from ..ledger import Entry
from .manager import Host

INSTALL, RESTORE = "install_units", "restore_units"
MODE = 0o644


def sha256(data: bytes | None) -> str | None:
    """The digest of a description; None for one that does not exist."""
    return None if data is None else hashlib.sha256(data).hexdigest()


def read_unit(place: Path) -> bytes | None:
    """A description as it lies on the disk, or None."""
    return place.read_bytes() if place.is_file() else None


def rendered(host: Host) -> dict[str, bytes]:
    """The descriptions that the services must have."""
    return {s.name: host.manager.render(s, host.fleet).encode() for s in host.fleet.services}


def installed(entries: Iterable[Entry]) -> dict[str, str | None]:
    """The digests of the descriptions that a run left last on this host, by service."""
    found: dict[str, str | None] = {}
    for entry in entries:
        if entry.step in (INSTALL, RESTORE) and entry.kind == "done":
            found = {name: unit["now"] for name, unit in entry.state["units"].items()}
    return found


def all_names(host: Host, entries: Iterable[Entry]) -> tuple[str, ...]:
    """The services of this release, and those of the former one that it no longer has."""
    names = host.fleet.names
    former = (name for name, digest in installed(entries).items() if digest is not None)
    return (*names, *(name for name in former if name not in names))


def recorded(journal: Journal) -> dict[str, Any] | None:
    """What this run found and wrote down before it first installed anything."""
    for entry in journal.of_run():
        if entry.step == INSTALL and "units" in entry.state:
            units: dict[str, Any] = entry.state["units"]
            return units
    return None


def install(host: Host, journal: Journal) -> bool:
    """Give every service its description; keep what was there before. True when one changed.

    Journal step (<phase>, "install_units"), state {units: {name: {now: <digest or null>, former:
    null | {path, sha256, enabled}}}}; the same state is written down before the first change. A
    service that the new release no longer has loses its description.
    """
    wanted: dict[str, bytes | None] = dict(rendered(host))
    for name in all_names(host, journal.entries):
        wanted.setdefault(name, None)
    digests = {name: sha256(data) for name, data in wanted.items()}
    units = recorded(journal)
    if units is None:
        units = {name: {"now": digests[name], "former": keep(host, name)} for name in wanted}
        journal.note(host.fleet.phase, INSTALL, state={"units": units})
    with journal.step(host.fleet.phase, INSTALL, {"units": digests}) as step:
        changed = write_units(host, wanted)
        if changed:
            host.manager.reload()
        host.manager.enable([name for name, data in wanted.items() if data is not None], on=True)
        step.done(state={"units": units}, evidence={"changed": changed})
    return bool(changed)


def keep(host: Host, name: str) -> dict[str, Any] | None:
    """Copy a description to the run's evidence before it is changed; None when there is none."""
    data = read_unit(host.manager.unit_path(name))
    if data is None:
        return None
    folder = host.fleet.run.evidence / "units"
    make_private_dir(folder)
    kept = folder / host.manager.unit_path(name).name
    write_atomic(kept, data)
    enabled = host.manager.read([name])[name].enabled
    return {"path": str(kept), "sha256": sha256(data), "enabled": enabled}


def write_units(host: Host, wanted: dict[str, bytes | None]) -> list[str]:
    """Make the descriptions what they must be; the names of those that changed."""
    changed = []
    for name, data in wanted.items():
        place = host.manager.unit_path(name)
        if read_unit(place) == data:
            continue
        changed.append(name)
        if data is not None:
            if not place.parent.is_dir():
                make_private_dir(place.parent)
            write_atomic(place, data, MODE)
        else:
            host.manager.enable([name], on=False)
            place.unlink()
            fsync_dir(place.parent)
    return changed


def restore(host: Host, journal: Journal) -> bool:
    """Put back the descriptions that this run found; remove those of a first installation.

    Each kept copy is verified before the first one is put back. Journal step ("rollback",
    "restore_units"), state {units: {name: {now: <digest or null>}}}. A run that installed nothing
    has nothing to put back.
    """
    units = recorded(journal)
    if units is None:
        return False
    former = {name: unit["former"] for name, unit in units.items()}
    wanted = {name: read_kept(name, kept) for name, kept in former.items()}
    with journal.step("rollback", RESTORE, {"units": former}) as step:
        changed = write_units(host, wanted)
        if changed:
            host.manager.reload()
        for name, kept in former.items():
            if kept is not None:
                host.manager.enable([name], on=bool(kept["enabled"]))
        now = {name: {"now": sha256(data)} for name, data in wanted.items()}
        step.done(state={"units": now}, evidence={"changed": changed})
    return bool(changed)


def read_kept(name: str, kept: dict[str, Any] | None) -> bytes | None:
    """A kept description. Raises StepFailed when it is not what was kept."""
    if kept is None:
        return None
    data = read_unit(Path(kept["path"]))
    if data is None or sha256(data) != kept["sha256"]:
        raise StepFailed(
            f"the former unit of {name} cannot be put back: {kept['path']} is missing or changed",
            now="the services are held by the start guard",
            untouched="every unit",
            next=f"write the former unit of {name} by hand, then run "
            "ansible-playbook playbooks/rollback.yml -i <inventory>",
        )
    return data


def refuse_edited(host: Host, entries: Iterable[Entry]) -> None:
    """Raise Refused when a person changed what a run installed (a drop-in, or the file itself)."""
    last = installed(entries)
    states = host.manager.read(host.fleet.names)
    for name, state in states.items():
        extra = [file for file in state.files[1:] if not file.startswith(("/usr/lib/", "/lib/"))]
        digest = sha256(read_unit(host.manager.unit_path(name)))
        by_hand = last.get(name) is not None and digest != last[name]
        if extra or by_hand or state.result == "masked":
            what = ", ".join(extra) or str(host.manager.unit_path(name))
            verb = "is masked" if state.result == "masked" else "was changed by hand"
            raise Refused(
                f"the unit of {name} on {host.fleet.run.host} {verb}: {what}",
                now="what runs is not what the nouns say, and would not come back after a rollback",
                untouched="every service and all data",
                next="move the change into the noun `services` of the system and undo it on the "
                f"host (systemctl revert {name}), then run the same command again",
            )
