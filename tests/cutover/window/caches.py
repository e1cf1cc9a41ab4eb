"""The Redis of a stage: a server as a container has it, and one as the platform has it (tests/cutover/redis)."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import redis_window
from ansible_collections.cryptobot.native.plugins.module_utils.redis.client import Connection, RedisError
from ansible_collections.cryptobot.native.plugins.module_utils.redis.instances import Instance
from ansible_collections.cryptobot.native.plugins.module_utils.redis.pair import Pair
from ansible_collections.cryptobot.native.plugins.module_utils.redis.wall import Walls

NAME, LIST = "cache", "orders"
PASSWORD = redis_window.PASSWORD
LOOKED_AT = 20000
"""Of the rows that were written last."""


class Caches:
    """``state``: the router's folder, where walls and rights are kept. What was acknowledged survives a kill."""

    def __init__(self, folder: Path, state: Path) -> None:
        self._servers = redis_window.Stage(folder, state=state, more=("--appendfsync", "always"))
        self._state = state
        self.rights: list[str] = []

    def start(self) -> None:
        """The one side has all rights, and the other follows it."""
        self._servers.__enter__()
        self.rights = self._servers.rights("docker")
        intent = redis_window.Intent("first", "docker", "native", 0)
        ends = (self.options(side) for side in redis_window.SIDES)
        pair = Pair(intent, Instance(NAME, *ends, str(self._state)), "first")
        pair.follow(30)
        pair.forget()

    def stop(self) -> None:
        self._servers.__exit__()
        for name in Walls(self._state).read():
            Walls(self._state).remove(name)

    def options(self, side: str) -> dict[str, Any]:
        return self._servers.options(side)

    def port(self, side: str) -> int:
        return self._servers.servers[side].port

    def kill(self, side: str) -> None:
        """It starts again as its command line says."""
        redis_window.restarted(self._servers, side)

    def connect(self, side: str) -> Connection:
        return self._servers.connect(side)

    def writable(self, side: str) -> bool:
        """By an application, past every door."""
        try:
            with self.connect(side) as redis:
                return redis.call("SET", "probe", "1") == "OK"
        except RedisError:
            return False

    def rows(self, side: str) -> dict[str, int] | None:
        """How often each of the last rows is there; None where nobody may look."""
        with suppress(RedisError), self.connect(side) as redis:
            return dict(Counter(redis.call("LRANGE", LIST, str(-LOOKED_AT), "-1")))
        return None

    def wrong(self, side: str) -> list[str]:
        """Sentences about what is not as it must be while ``side`` writes and the other one follows."""
        other, wrong = redis_window.other(side), []
        if self.writable(other):
            wrong.append(f"the Redis of {other} can be written to, too")
        if self._servers.rights(side) != self.rights:
            wrong.append(f"rights of the Redis of {side}: {self._servers.rights(side)}")
        if f"{NAME} {side}" in Walls(self._state).read():
            wrong.append(f"the wall round the Redis of {side} is still there")
        return wrong

    def spec(self, side: str) -> dict[str, Any]:
        """As the service is told."""
        return {"port": self.port(side), "password": PASSWORD}
