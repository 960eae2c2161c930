"""Which release and which process answers: the proof that samples come from the new one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..model import Identity, Presence, Reader, Reading, Samples, Service, SourceFault
from .http import dig, read_json_object

DEADLINE = 2.0


def identity_in(document: Mapping[str, Any], version_field: str, instance_field: str) -> Identity:
    """The identity in an answer. Raises SourceFault unless both are words or numbers."""
    found = []
    for name in (version_field, instance_field):
        value = dig(document, name)
        if isinstance(value, bool) or not isinstance(value, (str, int)) or value == "":
            raise SourceFault(f"{name} names neither a release nor a process: {value!r:.40}")
        found.append(str(value))
    return Identity(*found)


def read_identity(service: Service, deadline: float) -> Identity:
    """Ask a service who it is. Raises SourceFault when it does not say."""
    document = read_json_object(service.url, deadline)
    return identity_in(document, service.version_field, service.instance_field)


def identity_reader(service: Service, samples: Samples) -> Reader:
    """The look at a service's identity: at the start of the window, at its end, and between."""
    times = tuple(min(samples.lasting, i * samples.every) for i in range(samples.polls))
    return Reader(
        ("identity", service),
        lambda: read_identity(service, DEADLINE),
        (*times, samples.lasting),
        DEADLINE,
    )


def presence(name: str, readings: list[Reading], expected: str | None) -> Presence:
    """Who served the whole window, judged by every look at it.

    Another process in the middle of a window means that the service restarted: what was counted
    before and after belongs to two processes and proves nothing about either.
    """
    failures = [reading.failure for reading in readings if reading.failure]
    seen = [reading.payload for reading in readings if not reading.failure]
    if not seen:
        return Presence(problem=f"{name} does not say who it is: {(failures or ['not asked'])[0]}")
    first, last = seen[0], seen[-1]
    wanted = first.version if expected is None else expected
    other = next((one for one in seen if one.version != wanted), None)
    if other is not None:
        return Presence(problem=f"{name} is release {other.version}, not {wanted}")
    if any(one != first for one in seen):
        return Presence(
            problem=f"{name} restarted in the window ({first.instance} became {last.instance})"
        )
    if readings[-1].failure:
        return Presence(problem=f"{name} stopped saying who it is: {readings[-1].failure}")
    return Presence(first)
