"""What a server with our access file has after a restart: everything that was acknowledged, open or closed meanwhile.

Redis 7.0 carries out the transactions and scripts of its append-only file by the rights of the user `default`.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis_window as lab
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.fence.row import Window
from ansible_collections.cryptobot.native.plugins.module_utils.redis import access, layout
from ansible_collections.cryptobot.native.plugins.module_utils.redis.client import Connection, RedisError
from ansible_collections.cryptobot.native.plugins.module_utils.redis.endpoint import ADMINISTRATOR
from ansible_collections.cryptobot.native.plugins.module_utils.redis.fence.fence import Fence

PASSWORD = "the-services-own"


class Native:
    """A server with the access file that the collection writes."""

    def __init__(self, folder: Path) -> None:
        users = [
            access.User(ADMINISTRATOR, ("~*", "&*", "+@all"), (PASSWORD,)),
            access.User("orders", tuple(layout.rules(["orders:"])), (PASSWORD,)),
        ]
        (folder / "users.acl").write_text(access.file_text(users), encoding="utf-8")
        more = ("--appendonly", "yes", "--appendfsync", "always", "--aclfile", str(folder / "users.acl"))
        self.server = lab.servers.Server(lab.servers.free_port(), folder, more=more)

    @contextmanager
    def session(self, user: str) -> Iterator[Connection]:
        with Connection(port=self.server.port) as redis:
            redis.call("AUTH", user, PASSWORD)
            yield redis

    def fence(self, redis: Connection) -> Fence:
        return Fence(redis, "the native Redis", Window("w", "docker"))

    def write(self) -> None:
        with self.session("orders") as redis:
            redis.many([("MULTI",), ("RPUSH", "orders:list", "a"), ("INCR", "orders:count"), ("EXEC",)])
            script = "redis.call('RPUSH', KEYS[1], 'b'); return redis.call('INCR', KEYS[2])"
            redis.call("EVAL", script, "2", "orders:list", "orders:count")

    def kept(self) -> tuple[list[str], str]:
        with self.session("orders") as redis:
            return redis.call("LRANGE", "orders:list", "0", "-1"), redis.call("GET", "orders:count")


@pytest.fixture
def native(tmp_path) -> Iterator[Native]:
    found = Native(tmp_path)
    with found.server:
        yield found


def test_transactions_survive_a_restart(native) -> None:
    native.write()
    native.server.stop(signal.SIGKILL)
    native.server.start()
    assert native.kept() == (["a", "b"], "2")


def test_transactions_survive_a_restart_while_it_is_closed(native) -> None:
    native.write()
    with native.session(ADMINISTRATOR) as redis:
        fence = native.fence(redis)
        kept = fence.users()
        fence.install(0)
        fence.close(1, 0, kept)
    native.server.stop(signal.SIGKILL)
    native.server.start()
    with native.session("orders") as redis, pytest.raises(RedisError, match="NOPERM"):
        redis.call("SET", "orders:more", "1")
    with native.session(ADMINISTRATOR) as redis:
        native.fence(redis).reopen(1, kept)
    assert native.kept() == (["a", "b"], "2")
    native.write()


def test_nobody_comes_in_as_the_user_that_is_off(native) -> None:
    with Connection(port=native.server.port) as redis:
        tried = [("GET", "orders:list"), ("SET", "orders:list", "1"), ("AUTH", "default", ""), ("AUTH", "default")]
        for words in tried:
            with pytest.raises(RedisError, match="NOAUTH|WRONGPASS"):
                redis.call(*words)


def test_sessions_from_before_it_was_off_end_with_the_closing(native) -> None:
    with native.session(ADMINISTRATOR) as redis:
        redis.call("ACL", "SETUSER", "default", "on", f">{PASSWORD}")
        with native.session("default") as stale:
            redis.call("ACL", "SETUSER", "default", "off")
            stale.call("SET", "orders:1", "1")
            fence = native.fence(redis)
            fence.install(0)
            fence.close(1, 0, fence.users())
            with pytest.raises(RedisError):
                stale.call("SET", "orders:2", "1")
