"""Redis, within the one key prefix that the service's ACL user may touch."""

from __future__ import annotations

from typing import Any

import redis
import redis.asyncio

from cryptobot_common.settings import Settings


class Cache:
    """A client a process; `key` is the only way to make a key or a channel's name."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.require("REDIS_URL", "redis://auth@127.0.0.1:6379/0")
        self._options: dict[str, Any] = {
            "decode_responses": True,
            "socket_timeout": 3,
            "socket_connect_timeout": 2,
            "health_check_interval": 30,
            "client_name": settings.service,
        }
        if password := settings.text("REDIS_PASSWORD"):
            self._options["password"] = password
        self._prefix = settings.variables.get("REDIS_PREFIX") or f"{settings.service}:"
        self.client = redis.Redis.from_url(self._url, **self._options)

    def key(self, *parts: object) -> str:
        return self._prefix + ":".join(map(str, parts))

    def subscriber(self) -> redis.asyncio.Redis:
        """A client of its own for waiting on messages; it has no time limit for an answer."""
        return redis.asyncio.Redis.from_url(self._url, **{**self._options, "socket_timeout": None})

    def check(self) -> None:
        """Read a key: a PING says nothing about the right to read, and needs another right."""
        self.client.get(self.key("health"))

    def close(self) -> None:
        self.client.close()
