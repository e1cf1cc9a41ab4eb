# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users of native services on a container's Redis, which is lent to them until it moves.

Each has the rights and the password that it has natively. A server that keeps its users in no file forgets them when it
starts again, so they are kept beside the router's state, with digests of passwords only, and the watcher makes them anew.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from ..launcher.sides import DOCKER, Record
from ..migration.journal import write_whole
from .client import Connection, RedisError
from .endpoint import Endpoint, save_users

FILE, MODE = "guests.json", 0o600
SECONDS = 3.0


class Guests:
    """The file, and the servers that it names."""

    def __init__(self, directory: Path | str) -> None:
        self._directory = Path(directory)

    def lines(self, datastore: str) -> dict[str, str]:
        """Lines of an access file by user."""
        return dict(self._read().get(datastore, {}).get("users", {}))

    def differing(self, datastore: str, server: Mapping[str, Any], lines: Mapping[str, str]) -> list[str]:
        """Users that are not there as they are wanted. Raises RedisError for a user of that name that is somebody else's."""
        kept = self.lines(datastore)
        with Endpoint.from_options(server).connect() as redis:
            there = set(redis.call("ACL", "USERS"))
        if strangers := sorted((there & set(lines)) - set(kept)):
            raise RedisError(
                f"The Redis of the datastore {datastore} has users {', '.join(strangers)} of its own, and native services "
                "would get the same names. Rename them there first: ACL DELUSER NAME"
            )
        return sorted(name for name in lines if name not in there or kept.get(name) != lines[name])

    def let_in(self, datastore: str, server: Mapping[str, Any], lines: Mapping[str, str]) -> None:
        """Make or change users. On disk first: what is there unknown would be taken for somebody else's."""
        found = self._read()
        users = {**found.get(datastore, {}).get("users", {}), **lines}
        self._write({**found, datastore: {"server": dict(server), "users": users}})
        with Endpoint.from_options(server).connect() as redis:
            _make(redis, lines)

    def let_go(self, datastore: str, names: Collection[str]) -> list[str]:
        """Remove users; those that there were. May be repeated."""
        found = self._read()
        kept = found.get(datastore)
        gone = sorted(set(names) & set(kept["users"])) if kept else []
        if not gone or not kept:
            return []
        with Endpoint.from_options(kept["server"]).connect() as redis:
            redis.call("ACL", "DELUSER", *gone)
            save_users(redis)
        users = {name: line for name, line in kept["users"].items() if name not in gone}
        rest = {name: each for name, each in found.items() if name != datastore}
        self._write({**rest, datastore: {**kept, "users": users}} if users else rest)
        return gone

    def again(self, record: Record | None, running: Collection[str]) -> list[str]:
        """Make those anew that a server has forgotten; sentences about what was done. ``running``: Compose services. Nothing on
        a server that does not write any more. Not for a window, which alone changes rights then."""
        said = []
        for datastore, kept in self._read().items():
            writer = record.writer(datastore) if record else None
            stopped = kept["server"].get("container", {}).get("service") not in running
            if writer not in (None, DOCKER) or stopped:
                continue
            with Endpoint.from_options(kept["server"]).connect(seconds=SECONDS) as redis:
                there = set(redis.call("ACL", "USERS"))
                missing = {name: line for name, line in kept["users"].items() if name not in there}
                _make(redis, missing)
            said += [f"made {', '.join(sorted(missing))} anew on the Redis {datastore}, which had forgotten them"] if missing else []
        return said

    def _read(self) -> dict[str, dict[str, Any]]:
        try:
            return dict(json.loads((self._directory / FILE).read_text(encoding="utf-8")))
        except FileNotFoundError:
            return {}

    def _write(self, document: Mapping[str, Any]) -> None:
        write_whole(self._directory / FILE, json.dumps(document, indent=1, sort_keys=True) + "\n", MODE)


def _make(redis: Connection, lines: Mapping[str, str]) -> None:
    for name, line in sorted(lines.items()):
        redis.call("ACL", "SETUSER", name, *line.split()[2:])
    if lines:
        save_users(redis)
