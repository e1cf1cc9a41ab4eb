# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the resolved catalogue means for the Redis instance of one host: its users, and settings out of the host's memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..migration.sides import is_native

DIRECTORY = "/var/lib/redis/cryptobot"
SOCKET = "/run/redis-cryptobot/redis.sock"
ACL_FILE = "/etc/redis/cryptobot.acl"

COMMANDS = (
    "-@all",
    "+@read",
    "+@write",
    "+@connection",
    "+@transaction",
    "+@pubsub",
    # What follows takes away what those categories bring that reaches beyond a service's own keys.
    "-@scripting",
    "-@admin",
    "-@dangerous",
    "-randomkey",
    # Scripts run with the rights of who calls them; libraries would be shared with everyone, so there are none.
    "+eval",
    "+evalsha",
    "+eval_ro",
    "+evalsha_ro",
    "+script|load",
    "+script|exists",
    # Clients ask for the version with it, and Celery's scripts for the time.
    "+info",
    "+time",
)
READ_ONLY = tuple("-@write" if rule == "+@write" else rule for rule in COMMANDS)


CELERY_CHANNELS = ("/{index}.celery.pidbox", "/{index}.celeryev/worker.*", "/{index}.celeryev/*")
"""What Celery's workers and monitors subscribe to by pattern: remote control, gossip and events."""


def users(
    catalogue: Mapping[str, Any], host: str, channels: Mapping[str, list[str]] | None = None, sides: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """The users of the instance, one a service: rights to its own keys and channels, by prefix. ``channels`` are further
    patterns by service, behind its prefix. A user is ``open`` when the writer of all that it uses here is native, or its group
    stands by; while it is not, it has its rights and no password, and nobody comes in as it."""
    found: dict[str, dict[str, Any]] = {}
    for store in _stores(catalogue, host):
        for name, use in store["users"].items():
            service = catalogue["services"][name]
            user = found.setdefault(name, {"name": name, "prefixes": set(), "patterns": [], "writer": False, "open": True})
            # With the group that moves it every user of it comes, wherever that is now.
            stands_by = store.get("migration_group") in (sides or {}).get("standby", ())
            user["open"] &= stands_by or is_native(sides, "datastores", store["name"])
            user["prefixes"].add(use["prefix"])
            user["writer"] |= not service["uses"][store["name"]].get("readonly")
            patterns = [*(CELERY_CHANNELS if _runs_celery(service) else ()), *(channels or {}).get(name, [])]
            user["patterns"] += [use["prefix"] + pattern.replace("{index}", str(store["index"])) for pattern in patterns]
    return [
        {
            "name": name,
            "prefixes": sorted(user["prefixes"]),
            "rules": rules(sorted(user["prefixes"]), user["patterns"], user["writer"]),
            "open": user["open"],
        }
        for name, user in sorted(found.items())
    ]


def rules(prefixes: list[str], patterns: list[str] | None = None, writer: bool = True) -> list[str]:
    """Access rules of a service. Redis cannot confine SCAN: names of foreign keys can be seen, their values cannot. And it
    lets a pattern be subscribed to only when the very same pattern is in the rules, so the known ones are in ``patterns``."""
    keys = [f"~{_literal(prefix)}*" for prefix in prefixes]
    channels = [f"&{pattern}" for pattern in [*(f"{_literal(prefix)}*" for prefix in prefixes), *(patterns or [])]]
    return ["resetchannels", *keys, *channels, *(COMMANDS if writer else READ_ONLY)]


def _runs_celery(service: Mapping[str, Any]) -> bool:
    processes = (service.get("processes") or {}).values()
    return any((each.get("health") or {}).get("celery") or (each.get("command") or [""])[0] == "celery" for each in processes)


def _literal(prefix: str) -> str:
    """A prefix as a pattern that stands for itself."""
    return "".join(f"\\{letter}" if letter in "*?[]^\\" else letter for letter in prefix)


def listen(catalogue: Mapping[str, Any], host: str, sides: Mapping[str, Any] | None = None) -> list[str]:
    """Loopback, and the host's own address where a service on another host uses the instance, or Docker's server follows it
    after a cutover."""
    used = {name for store in _stores(catalogue, host) for name in store["users"]}
    remote = any(used & set(each["services"]) for name, each in catalogue["hosts"].items() if name != host)
    followed = any(_followed(store, sides or {}) for store in _stores(catalogue, host))
    address = catalogue["hosts"][host]["address"]
    # Without its address a host serves its own services all the same.
    return ["127.0.0.1", "-::1", *([address] if remote else [f"-{address}"] if followed else [])]


def _followed(store: Mapping[str, Any], sides: Mapping[str, Any]) -> bool:
    """Whether there is a container that would. From the installation on: while it follows itself it is not to start again."""
    return bool((sides.get("subnets") or {}).get((store.get("docker") or {}).get("service")))


def _stores(catalogue: Mapping[str, Any], host: str) -> list[Mapping[str, Any]]:
    return [each for each in catalogue["datastores"].values() if each["kind"] == "redis" and each["host"] == host]


def settings(memory_mb: int, share: float, bind: list[str], port: int, extra: Mapping[str, Any]) -> dict[str, str]:
    """Settings by name. A queue must never lose what was acknowledged, so nothing is evicted, and a full instance says so."""
    maxmemory = max(64, int(memory_mb * share))
    return {
        "bind": " ".join(bind),
        "port": str(port),
        "protected-mode": "yes",
        "unixsocket": SOCKET,
        "unixsocketperm": "770",
        "tcp-keepalive": "60",
        "timeout": "0",
        "databases": "16",
        "dir": DIRECTORY,
        "aclfile": ACL_FILE,
        "maxmemory": f"{maxmemory}mb",
        "maxmemory-policy": "noeviction",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "aof-use-rdb-preamble": "yes",
        "save": "3600 1 300 100 60 10000",
        "stop-writes-on-bgsave-error": "yes",
        "repl-diskless-sync-delay": "0",
        "loglevel": "notice",
        **{name: str(value) for name, value in extra.items()},
    }
