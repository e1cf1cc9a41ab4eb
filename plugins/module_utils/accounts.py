# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""System users, groups and directories: what is wanted, what is there, and the programs that lead from one to the other."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from .changes import Change


class AccountsError(ValueError):
    """What is wanted can't be had; the text says why and what to do."""


@dataclass(frozen=True)
class User:
    """A system user that nobody logs in as. Its primary group has its name."""

    name: str
    home: str = "/nonexistent"
    comment: str = ""
    shell: str = "/usr/sbin/nologin"
    groups: tuple[str, ...] = ()

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> User:
        return cls(**{**options, "groups": tuple(sorted(options.get("groups") or ()))})


@dataclass(frozen=True)
class Directory:
    """A directory. ``mode`` in octal digits with the special bits, as ``"2770"``."""

    path: str
    owner: str = "root"
    group: str = "root"
    mode: str = "0755"

    @property
    def rights(self) -> str:
        return f"{self.owner}:{self.group} {self.mode.zfill(4)}"


@dataclass(frozen=True)
class Wanted:
    groups: tuple[str, ...] = ()
    users: tuple[User, ...] = ()
    directories: tuple[Directory, ...] = ()


@dataclass(frozen=True)
class Found:
    """What the host has of the wanted things."""

    groups: frozenset[str] = frozenset()
    users: Mapping[str, User] = field(default_factory=dict)
    directories: Mapping[str, Directory] = field(default_factory=dict)
    not_directories: frozenset[str] = frozenset()


def plan(wanted: Wanted, found: Found) -> list[Change]:
    """The changes, in an order in which each can be made: groups, users, directories (parents first)."""
    if wrong := sorted(found.not_directories):
        raise AccountsError(
            f"{', '.join(wrong)} exists and is no directory. The platform keeps its files below it. "
            "Move it away, or make it a symbolic link to a directory."
        )
    changes = [_new_group(name) for name in wanted.groups if name not in found.groups]
    for user in wanted.users:
        changes += _plan_user(user, found.users.get(user.name), frozenset(wanted.groups), found)
    for directory in sorted(wanted.directories, key=lambda each: each.path):
        changes += _plan_directory(directory, found.directories.get(directory.path))
    return changes


def _new_group(name: str) -> Change:
    return Change("group", name, None, "system group", (("groupadd", "--system", name),))


def _plan_user(user: User, there: User | None, managed: frozenset[str], found: Found) -> list[Change]:
    """A missing user is made; of one that is there, only memberships in the ``managed`` groups, home and shell change."""
    if there is None:
        own_group = [_new_group(user.name)] if user.name not in found.groups and user.name not in managed else []
        command = ["useradd", "--system", "--gid", user.name, "--home-dir", user.home, "--no-create-home"]
        command += ["--shell", user.shell, "--comment", user.comment]
        command += ["--groups", ",".join(user.groups)] if user.groups else []
        return [*own_group, Change("user", user.name, None, asdict(user), ((*command, user.name),))]
    changes = []
    if (there.home, there.shell) != (user.home, user.shell):
        command = ("usermod", "--home", user.home, "--shell", user.shell, user.name)
        was, is_ = ({"home": each.home, "shell": each.shell} for each in (there, user))
        changes.append(Change("user", user.name, was, is_, (command,)))
    before, after = set(there.groups) & managed, set(user.groups)
    if before != after:
        commands = [("gpasswd", "--add", user.name, group) for group in sorted(after - before)]
        commands += [("gpasswd", "--delete", user.name, group) for group in sorted(before - after)]
        was, is_ = ({"groups": sorted(each)} for each in (before, after))
        changes.append(Change("user", user.name, was, is_, tuple(commands)))
    return changes


def _plan_directory(directory: Directory, there: Directory | None) -> list[Change]:
    if there is not None and there.rights == directory.rights:
        return []
    command = ("install", "-d", "-o", directory.owner, "-g", directory.group, "-m", directory.mode, directory.path)
    return [Change("directory", directory.path, there and there.rights, directory.rights, (command,))]


def gather(wanted: Wanted) -> Found:
    """Reads the wanted things' present state from this host."""
    names = [*wanted.groups, *(user.name for user in wanted.users)]
    directories, wrong = {}, set()
    for directory in wanted.directories:
        if os.path.isdir(directory.path):
            directories[directory.path] = _read_directory(directory.path)
        elif os.path.lexists(directory.path):
            wrong.add(directory.path)
    return Found(
        groups=frozenset(name for name in names if _has_group(name)),
        users={user.name: there for user in wanted.users if (there := _read_user(user.name))},
        directories=directories,
        not_directories=frozenset(wrong),
    )


def _has_group(name: str) -> bool:
    try:
        grp.getgrnam(name)
    except KeyError:
        return False
    return True


def _read_user(name: str) -> User | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    groups = tuple(sorted(group.gr_name for group in grp.getgrall() if name in group.gr_mem))
    return User(name, entry.pw_dir, entry.pw_gecos, entry.pw_shell, groups)


def _read_directory(path: str) -> Directory:
    status = os.stat(path)
    return Directory(path, _name(pwd.getpwuid, status.st_uid), _name(grp.getgrgid, status.st_gid), _mode(status))


def _mode(status: os.stat_result) -> str:
    return format(stat.S_IMODE(status.st_mode), "04o")


def _name(lookup: Any, number: int) -> str:
    """The name of an id; the number itself where no account has it."""
    try:
        return lookup(number)[0]
    except KeyError:
        return str(number)


def layout(catalogue: Mapping[str, Any], host: str) -> dict[str, list[dict[str, Any]]]:
    """The ``groups``, ``users`` and ``directories`` that the resolved catalogue means for one host of the inventory."""
    services = [catalogue["services"][name] for name in catalogue["hosts"][host]["services"]]
    shared = [
        store
        for store in catalogue["datastores"].values()
        if store["kind"] in ("directory", "sqlite") and set(store["users"]) & {each["name"] for each in services}
    ]
    users = [_service_user(service, shared) for service in services]
    if services:
        users.append({"name": "cryptobot-migrate", "comment": "Cryptobot database migrations", "groups": []})
    return {
        "groups": [_data_group(store["name"]) for store in shared],
        "users": users,
        "directories": [asdict(each) for each in _directories(services, shared)],
    }


def _service_user(service: Mapping[str, Any], shared: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "name": service["user"],
        "home": f"/var/lib/cryptobot/{service['name']}",
        "comment": f"Cryptobot {service['name']}",
        "groups": [_data_group(store["name"]) for store in shared if service["name"] in store["users"]],
    }


def _data_group(datastore: str) -> str:
    return f"cryptobot-data-{datastore}"


def _directories(services: Iterable[Mapping[str, Any]], shared: Iterable[Mapping[str, Any]]) -> list[Directory]:
    """State, log and runtime directories of a service are made by its units, with the rights that the units name."""
    fixed = ("/etc/cryptobot", "/usr/lib/cryptobot", "/usr/lib/cryptobot/python", "/var/lib/cryptobot", "/var/log/cryptobot")
    made = [Directory(path) for path in fixed]
    made.append(Directory("/etc/cryptobot/secrets", mode="0700"))
    if services:
        made.append(Directory("/opt/cryptobot"))
    for service in services:
        made += [Directory(f"/opt/cryptobot/{service['name']}"), Directory(f"/opt/cryptobot/{service['name']}/releases")]
    if shared:
        made.append(Directory("/var/lib/cryptobot-datastores"))
    for store in shared:
        path = f"/var/lib/cryptobot-datastores/{store['name']}"
        made.append(Directory(path, group=_data_group(store["name"]), mode="2770"))
    return made
