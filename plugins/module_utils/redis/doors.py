# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Redis as its users see it: each comes in with its own password and tries what it may and what it must not do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .client import Connection, RedisError

PROBE = "cryptobot-probe"
REACHES = (("CONFIG", "GET", "maxmemory"), ("ACL", "LIST"), ("SLOWLOG", "LEN"), ("KEYS", "*"), ("CLIENT", "LIST"))
"""What reaches beyond one's own keys, and does no harm should it be allowed."""


def findings(users: Iterable[Mapping[str, Any]], passwords: Mapping[str, Any], port: int, host: str = "127.0.0.1") -> list[str]:
    """What is not as it should be, as sentences; nothing is written."""
    users = list(users)
    found = _stranger(host, port)
    for user in users:
        foreign = [prefix for other in users for prefix in other["prefixes"] if prefix not in user["prefixes"]]
        for password in passwords.get(user["name"]) or [""]:
            found += _visit(user, password, foreign, host, port)
    return found


def _stranger(host: str, port: int) -> list[str]:
    with Connection(host=host, port=port) as redis:
        return ["anybody may read without a password"] if _allowed(redis, "EXISTS", PROBE) else []


def _visit(user: Mapping[str, Any], password: str, foreign: list[str], host: str, port: int) -> list[str]:
    name, found = user["name"], []
    with Connection(host=host, port=port) as redis:
        try:
            redis.call("AUTH", name, password)
        except RedisError as error:
            return [f"{name} can't come in: {error}"]
        found += [f"{name} may not read its own keys {each}*" for each in user["prefixes"] if not _allowed(redis, "EXISTS", each + PROBE)]
        found += [f"{name} may read foreign keys {each}*" for each in foreign if _allowed(redis, "EXISTS", each + PROBE)]
        found += [f"{name} may publish to foreign channels {each}*" for each in foreign if _allowed(redis, "PUBLISH", each + PROBE, "")]
        found += [f"{name} may run {' '.join(words[:2])}" for words in REACHES if _allowed(redis, *words)]
    return found


def _allowed(redis: Connection, *words: str) -> bool:
    """Whether the access rules let a command pass, whatever it then answers."""
    try:
        redis.call(*words)
    except RedisError as error:
        return not str(error).startswith(("NOPERM", "NOAUTH"))
    return True
