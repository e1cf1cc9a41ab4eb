# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a running Redis is and holds, as far as moving its data has to know."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from . import access
from .client import Connection, RedisError
from .endpoint import Endpoint

TYPES = frozenset({"string", "list", "set", "zset", "hash", "stream"})
"""What every Redis has; anything else belongs to a module or to a newer server."""
NATIVE_MODULES = frozenset({"vectorset"})
"""Reported as a module by servers that have it built in."""


@dataclass(frozen=True)
class Index:
    """One numbered database. ``expiring_fields``: hashes with fields that expire (from 7.4)."""

    keys: int = 0
    expiring: int = 0
    expiring_fields: int = 0


@dataclass(frozen=True)
class Facts:
    """One server at one moment. ``free``: bytes on the disk of its files, where that is this host's."""

    title: str
    product: str
    version: tuple[int, ...]
    run_id: str
    role: str
    cluster: bool
    indices: Mapping[int, Index]
    databases: int
    used: int
    maxmemory: int
    modules: frozenset[str] = frozenset()
    functions: int = 0
    writers: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    info: Mapping[str, str] = field(default_factory=dict)
    free: int | None = None

    @property
    def release(self) -> str:
        return f"{self.product} {'.'.join(map(str, self.version))}"

    @property
    def keys(self) -> int:
        return sum(each.keys for each in self.indices.values())

    @property
    def dataset(self) -> int:
        """Bytes of keys and values in memory; serialised they take less."""
        return int(self.info.get("used_memory_dataset", self.used))

    @property
    def persistent(self) -> bool:
        """Whether it keeps its data in files."""
        return self.settings.get("appendonly") == "yes" or bool(self.settings.get("save"))

    @property
    def script(self) -> str:
        """The command by which it runs a script that only reads; from 7.0 one that refuses to write."""
        return "EVAL_RO" if self.at_least(7) else "EVAL"

    def at_least(self, *version: int) -> bool:
        return self.version >= version


def gather(endpoint: Endpoint) -> Facts:
    """Asks a server. What it does not let us see counts as not there."""
    with endpoint.connect() as redis:
        info = information(redis)
        settings = _pairs(redis, "CONFIG", "GET", "*")
        product, version = _product(info)
        return Facts(
            title=endpoint.title,
            product=product,
            version=version,
            run_id=info.get("run_id", ""),
            role=info.get("role", "master"),
            cluster=info.get("cluster_enabled") == "1",
            indices=_indices(info),
            databases=int(settings.get("databases", 16)),
            used=int(info.get("used_memory", 0)),
            maxmemory=int(info.get("maxmemory", 0)),
            modules=frozenset(_modules(redis)) - NATIVE_MODULES,
            functions=len(_allowed(redis, "FUNCTION", "LIST") or []),
            writers=tuple(_writers(redis)),
            settings=settings,
            info=info,
            free=_free(settings.get("dir", "")) if endpoint.local else None,
        )


def _free(folder: str) -> int | None:
    try:
        return shutil.disk_usage(folder).free if folder else None
    except OSError:
        return None


def information(redis: Connection, *sections: str) -> dict[str, str]:
    """``INFO`` by name."""
    text = redis.call("INFO", *sections) if sections else redis.call("INFO")
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


def _product(info: Mapping[str, str]) -> tuple[str, tuple[int, ...]]:
    """Valkey says Redis 7.2.4 of itself, which is what its data is like until 8."""
    name = "Valkey" if info.get("server_name") == "valkey" else "Redis"
    text = info.get("valkey_version") if name == "Valkey" else info.get("redis_version")
    return name, tuple(int(part) for part in (text or "0").split("-")[0].split(".") if part.isdigit())


def _indices(info: Mapping[str, str]) -> dict[int, Index]:
    found = {}
    for name, value in info.items():
        if name.startswith("db") and name[2:].isdigit():
            numbers = dict(part.split("=") for part in value.split(","))
            found[int(name[2:])] = Index(
                int(numbers["keys"]), int(numbers["expires"]), int(numbers.get("subexpiry", 0))
            )
    return found


def _modules(redis: Connection) -> list[str]:
    listed = _allowed(redis, "MODULE", "LIST") or []
    pairs = [dict(zip(each[::2], each[1::2], strict=False)) for each in listed if isinstance(each, list)]
    return [str(each.get("name", "")) for each in pairs]


def _writers(redis: Connection) -> list[str]:
    """Users other than our own that are let in and may write."""
    listed = _allowed(redis, "ACL", "LIST")
    if listed is None:
        return []
    me = _allowed(redis, "ACL", "WHOAMI")
    return sorted(
        name for name, line in access.lines("\n".join(listed)).items() if name != me and _writes(line.split()[2:])
    )


def _writes(rules: list[str]) -> bool:
    if "off" in rules:
        return False
    writes = False
    for rule in rules:
        if rule in ("+@all", "allcommands", "+@write"):
            writes = True
        elif rule in ("-@all", "nocommands", "-@write"):
            writes = False
        elif rule in (
            "+set",
            "+hset",
            "+lpush",
            "+rpush",
            "+sadd",
            "+zadd",
            "+xadd",
            "+incr",
            "+@string",
            "+@hash",
            "+@list",
        ):
            writes = True
    return writes


def _pairs(redis: Connection, *words: str) -> dict[str, str]:
    flat = _allowed(redis, *words) or []
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _allowed(redis: Connection, *words: str) -> Any:
    """The answer; ``None`` where the server is too old for the question, or keeps it from us."""
    try:
        return redis.call(*words)
    except RedisError:
        return None
