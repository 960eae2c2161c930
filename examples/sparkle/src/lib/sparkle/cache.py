"""What may be kept in Redis for a moment: nothing that could not be read from the database."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar

import redis

LOG = logging.getLogger("sparkle.cache")
WAITS = 0.3  # seconds; asking the database takes less than waiting longer
QUIET = 2.0  # seconds without a question after one that failed
T = TypeVar("T")


def group_of(user_id: int) -> str:
    """Return the name of the cached answers that are made from what a user did."""
    return f"sparkle:user:{user_id}"


class Cache:
    """Groups of JSON values that are forgotten together; without Redis everything is a miss."""

    def __init__(self, url: str, password: str) -> None:
        self._quiet_until = 0.0
        self._client = None
        if url:
            limits = {"socket_timeout": WAITS, "socket_connect_timeout": WAITS}
            self._client = redis.Redis.from_url(url, password=password or None, **limits)

    def get(self, group: str, name: str) -> Any:
        """Return a value, None for a miss."""
        found = self._ask(lambda client: client.hget(group, name))
        return None if found is None else json.loads(found)

    def put(self, group: str, name: str, value: Any, seconds: int) -> None:
        """Keep a value; the group is forgotten `seconds` after its first value."""

        def keep(client: redis.Redis) -> None:
            with client.pipeline(transaction=True) as pipeline:
                pipeline.hset(group, name, json.dumps(value))
                pipeline.expire(group, seconds, nx=True)
                pipeline.execute()

        self._ask(keep)

    def forget(self, group: str) -> None:
        """Forget a group: what it was made from has changed."""
        self._ask(lambda client: client.delete(group))

    def kept(self, group: str, name: str, seconds: int, make: Callable[[], T]) -> T:
        """Return the kept value, or make and keep it."""
        value = self.get(group, name)
        if value is None:
            value = make()
            self.put(group, name, value, seconds)
        return value

    def connected(self) -> bool:
        """Say whether Redis answers."""
        return bool(self._ask(lambda client: client.ping()))

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()

    def _ask(self, act: Callable[[redis.Redis], Any]) -> Any:
        if self._client is None or time.monotonic() < self._quiet_until:
            return None
        try:
            return act(self._client)
        except (redis.RedisError, OSError) as error:
            self._quiet_until = time.monotonic() + QUIET
            LOG.warning("cache", extra={"fields": {"failed": f"{type(error).__name__}: {error}"}})
            return None
