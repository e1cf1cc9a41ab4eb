# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One Redis instance: what it is, what it should be, and the commands between the two.

Users are set one by one and never by ``ACL LOAD``, which in Redis 7.0 cuts the connections of everyone.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from . import access, settings
from ..changes import AT_BOOT, Change
from .client import Connection, RedisError
from .fence.sessions import CONTROLLER


@dataclass(frozen=True)
class Found:
    """The instance as it is. ``file``: its access file, ``None`` where there is none."""

    running: bool = False
    enabled: bool = False
    reachable: bool = False
    file: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    users: Mapping[str, str] = field(default_factory=dict)
    seen: Mapping[str, access.Seen] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    unit: str
    enable: bool = False
    start: bool = False
    restart: bool = False
    write_file: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)
    users: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    moving: bool = False

    @property
    def changed(self) -> bool:
        return bool(self.changes)


def plan(unit: str, wanted: Mapping[str, str], text: str, found: Found) -> Plan:
    """``text`` is the wanted access file. Only what a running instance can't take leads to a restart; so does an instance
    that does not let its administrator in, since what it has loaded is then not the file. Rights of one that takes part in
    a cutover are the cutover's: of its users passwords alone are set, and the server writes its file."""
    moving = is_moving(found.users or access.lines(found.file or ""))
    changed = {} if moving else access.changed_users(found.file or "", text)
    rights, before = access.rights(text), access.rights(found.file or "")
    changes = [] if found.enabled else [Change("unit", f"{unit}{AT_BOOT}", "off", "on", action="enable")]
    user_changes = [
        Change("redis", f"user {name}", before.get(name), f"{rights[name]} ({what})" if name in rights else None)
        for name, what in changed.items()
    ]
    common = {"unit": unit, "enable": not found.enabled, "write_file": found.file != text and not moving, "moving": moving}
    if not found.running:
        changes += [Change("unit", unit, "stopped", "started", action="start"), *user_changes]
        return Plan(start=True, changes=tuple(changes), **common)
    if not found.reachable:
        changes += [*user_changes, Change("unit", unit, "running with other users", "restarted", action="restart")]
        return Plan(restart=True, changes=tuple(changes), **common)
    different = settings.differences(wanted, found.settings)
    restart = any(name in settings.RESTART for name in different)
    if moving:
        users = access.other_passwords(access.lines(text), found.users)
        changes += [Change("redis", f"user {name}", "other passwords", "passwords set") for name in users]
    else:
        users = access.stale_users(access.lines(text), found.users, found.seen)
        changes += user_changes
    for name in (name for name in users if name not in changed and not moving):
        changes.append(Change("redis", f"user {name}", "changed on the server", "set again" if name in rights else None))
    changes += [Change("setting", name, found.settings[name], wanted[name]) for name in different]
    changes += [Change("unit", unit, "running", "restarted", action="restart")] if restart else []
    live = {name: wanted[name] for name in different if name not in settings.RESTART}
    return Plan(restart=restart, settings=live, users=tuple(users), changes=tuple(changes), **common)


def is_moving(users: Mapping[str, str]) -> bool:
    """Whether a cutover is, or has been, at work here: its controller comes in."""
    return CONTROLLER in users


class Administrator:
    """The instance, spoken to as its administrator over its socket."""

    def __init__(self, socket: str, name: str, password: str) -> None:
        self._socket, self._name, self._password = socket, name, password

    def connect(self) -> Connection:
        connection = Connection(self._socket)
        connection.call("AUTH", self._name, self._password)
        return connection

    def look(self) -> tuple[dict[str, str], dict[str, str]]:
        """Settings by name, and lines of users by name."""
        with self.connect() as redis:
            flat = redis.call("CONFIG", "GET", "*")
            users = redis.call("ACL", "LIST")
        return dict(zip(flat[::2], flat[1::2], strict=True)), access.lines("\n".join(users))

    def wait(self, seconds: float) -> None:
        """Returns when the instance has loaded its data and answers."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                with self.connect() as redis:
                    redis.call("PING")
                    return
            except RedisError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.1)

    def set_users(self, names: tuple[str, ...], text: str) -> None:
        """Sets or removes users; connections of those who keep their rights go on."""
        wanted = access.lines(text)
        with self.connect() as redis:
            for name in names:
                if name in wanted:
                    redis.call("ACL", "SETUSER", name, *wanted[name].split()[2:])
                else:
                    redis.call("ACL", "DELUSER", name)

    def set_passwords(self, names: tuple[str, ...], text: str) -> None:
        """Of users whose rights are a cutover's; they are on where they have any."""
        wanted = access.lines(text)
        with self.connect() as redis:
            for name in names:
                redis.call("ACL", "SETUSER", name, "resetpass", *access.passwords(wanted[name]))
            redis.call("ACL", "SAVE")

    def set_settings(self, settings: Mapping[str, str], seconds: float = 300) -> list[str]:
        """Sets what can be set and returns the names of what was refused. An append-only file that is turned on is
        complete on return: a restart before that would load nothing."""
        refused = []
        with self.connect() as redis:
            for name, value in settings.items():
                try:
                    redis.call("CONFIG", "SET", name, value)
                except RedisError as error:
                    if "immutable" not in str(error):
                        raise RedisError(f"Redis refuses the setting {name} {value}: {error}") from None
                    refused.append(name)
            deadline = time.monotonic() + seconds
            while "appendonly" in settings and _rewriting(redis.call("INFO", "persistence")) and time.monotonic() < deadline:
                time.sleep(0.2)
        return refused


def _rewriting(info: str) -> bool:
    return "aof_rewrite_in_progress:1" in info or "aof_rewrite_scheduled:1" in info
