# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Redis server that data is read from or written to: in a container, the platform's own on this host, or anywhere.

Passwords stay inside this process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .client import PACKET_MARK, Connection, RedisError
from .layout import SOCKET

ADMINISTRATOR = "cryptobot-admin"
PASSWORD_FILE = "/etc/cryptobot/redis-admin.password"
NAME = "cryptobot-migration"
"""Name of every connection, so that ``CLIENT LIST`` shows whose it is."""
SECONDS = 300.0
"""A server that loads or rewrites may keep a command waiting for long."""


@dataclass(frozen=True)
class Endpoint:
    """One server, by ``path`` (unix socket) or by ``host`` and ``port``. ``title`` names it in sentences."""

    host: str = "127.0.0.1"
    port: int = 6379
    path: str | None = None
    user: str = ""
    password: str | None = field(default=None, repr=False)
    title: str = ""
    local: bool = False

    @staticmethod
    def there(options: Mapping[str, Any]) -> bool:
        """Whether this host's own server, if it is meant, has been installed."""
        local = options.get("local")
        return local is None or Path(local.get("password_file") or PASSWORD_FILE).exists()

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Endpoint:
        """``{container: {project, service}}``, ``{local: {}}`` or ``{host, port, user, password_file}``."""
        given = {name: value for name, value in options.items() if value is not None}
        if "container" in given:
            return cls._of_container(given["container"])
        if "local" in given:
            local = given["local"] or {}
            path = local.get("socket") or SOCKET
            password = _read(local.get("password_file") or PASSWORD_FILE)
            return cls(
                path=path,
                user=local.get("user") or ADMINISTRATOR,
                password=password,
                title="Redis on this host",
                local=True,
            )
        if "host" not in given and "path" not in given:
            raise RedisError(
                "A Redis server is given by container, local, or host with port; none of them stands there."
            )
        host, port = given.get("host", "127.0.0.1"), int(given.get("port") or 6379)
        password = _read(given["password_file"]) if given.get("password_file") else None
        path = given.get("path")
        return cls(host, port, path, given.get("user") or "", password, f"Redis at {path or f'{host}:{port}'}")

    @classmethod
    def _of_container(cls, container: Mapping[str, Any]) -> Endpoint:
        # Imported here: who has no containers needs nothing of them.
        from ..docker import endpoints

        project, service = container["project"], container["service"]
        found = endpoints.redis(project, service)
        title = f"Redis in the container of {service} ({project})"
        user = "" if found.get("user") in (None, "default") else found["user"]
        return cls(found["host"], int(found["port"]), None, user, found.get("password"), title)

    def connect(self, index: int = 0, seconds: float = SECONDS) -> Connection:
        """A connection that has come in, to one of the numbered databases. A wall round the server lets it pass."""
        redis = Connection(self.path, self.host, self.port, seconds, PACKET_MARK)
        try:
            if self.password is not None:
                redis.call("AUTH", *([self.user] if self.user else []), self.password)
            redis.call("CLIENT", "SETNAME", NAME)
            if index:
                redis.call("SELECT", str(index))
        except RedisError as error:
            redis.__exit__()
            raise RedisError(f"{self.title} does not let us in: {error}") from None
        return redis


def keeps_users(redis: Connection) -> bool:
    """Whether the server has a file of users, and so starts again with those that it has."""
    return redis.call("CONFIG", "GET", "aclfile")[1:] not in ([], [""])


def save_users(redis: Connection) -> None:
    """Into that file, where there is one."""
    if keeps_users(redis):
        redis.call("ACL", "SAVE")


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise RedisError(f"The password of Redis can't be read from {path}: {error.strerror}") from None
