# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our own users on a Redis, and sessions as the controller.

The fence takes the rights of everyone else, the default user's too, so the controller comes in as a user of its own. A
server that forgot it, because it started again without a file of users, is told again by the way that its users take.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from ..client import Connection, RedisError
from ..endpoint import ADMINISTRATOR, Endpoint
from .book import Page

CONTROLLER, FOLLOWER = "cryptobot-cutover", "cryptobot-follower"
OURS = frozenset({CONTROLLER, FOLLOWER, ADMINISTRATOR})
"""Who is not closed: our users, and the platform's own administrator, whose password only root can read."""
MINE = "migration:"
SECONDS = 3.0
_COMMANDS = (
    "acl|cat", "acl|getuser", "acl|list", "acl|save", "acl|setuser", "acl|users", "client|kill", "client|list",
    "client|setname", "client|unblock", "config|get", "config|set", "discard", "exec", "get", "info", "multi", "ping",
    "replicaof", "select", "set", "unwatch", "watch",
)  # fmt: skip
_FOLLOWER = ("psync", "replconf", "ping")


def make_follower(redis: Connection, page: Page) -> None:
    """The user by which another server follows this one, by a session of the controller."""
    make_user(redis, FOLLOWER, page.follower, _rules(_FOLLOWER))


def make_user(redis: Connection, name: str, password: str, rules: Sequence[str]) -> None:
    """A digest is sent, which a log of slow commands may show."""
    digest = hashlib.sha256(password.encode()).hexdigest()
    redis.call("ACL", "SETUSER", name, "reset", "on", f"#{digest}", *rules)


def controller(endpoint: Endpoint, page: Page, name: str, mark: int = 0) -> Connection:
    """A session as the controller. ``name`` is its client name: a recovery ends all sessions of a window by it."""
    redis = Connection(endpoint.path, endpoint.host, endpoint.port, SECONDS, mark)
    try:
        try:
            redis.call("AUTH", CONTROLLER, page.controller)
        except RedisError as error:
            if not str(error).startswith("WRONGPASS"):
                raise
            _make_controller(endpoint, page)
            redis.call("AUTH", CONTROLLER, page.controller)
        redis.call("CLIENT", "SETNAME", name)
    except RedisError as error:
        redis.__exit__()
        raise RedisError(f"{endpoint.title} does not let the controller in: {error}") from None
    return redis


def _make_controller(endpoint: Endpoint, page: Page) -> None:
    """The controller's user alone: who follows a server that forgot its users must not come in again by itself."""
    with endpoint.connect(seconds=SECONDS) as redis:
        make_user(redis, CONTROLLER, page.controller, [f"~{MINE}*", *_rules(_COMMANDS)])


def end_all(redis: Connection, name: str) -> int:
    """Ends every session of that name but this one; how many there were."""
    found = [each for each in clients(redis) if each.get("name") == name]
    return sum(int(redis.call("CLIENT", "KILL", "ID", each["id"], "SKIPME", "yes")) for each in found)


def clients(redis: Connection) -> list[dict[str, str]]:
    """``CLIENT LIST`` by name."""
    lines = redis.call("CLIENT", "LIST").splitlines()
    return [dict(word.partition("=")[::2] for word in line.split()) for line in lines if line]


def _rules(commands: Sequence[str]) -> list[str]:
    return ["resetchannels", "-@all", *(f"+{name}" for name in commands)]
