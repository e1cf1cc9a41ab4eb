# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is different, by the record of state, from what the host had before us, and whose service or role it is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

ROLES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "edge": (
        ("file", r"/etc/cryptobot/edge\..*|/etc/systemd/system/cryptobot-edge.*\.service|/usr/lib/cryptobot/router.*"),
        ("directory", r"/etc/cryptobot/edge|/usr/lib/cryptobot/router.*"),
        ("unit", r"(haproxy|cryptobot-edge.*)\.service.*"),
        ("package|user|group", r"haproxy"),
    ),
    "pgbouncer": (
        ("file|directory", r"/etc/pgbouncer/.*|/etc/systemd/system/cryptobot-pgbouncer\.service"),
        ("unit", r"(cryptobot-)?pgbouncer\.service.*"),
        ("package", r"pgbouncer"),
        ("user|group", r"cryptobot-pgbouncer"),
    ),
    "postgresql": (
        ("file|directory", r"/etc/postgresql/.*"),
        ("unit", r"postgresql@.*"),
        ("package|hold", r"postgresql-.*"),
        ("user|group", r"postgres"),
        ("postgresql", r".*"),
    ),
    "redis": (
        ("file|directory", r"/etc/redis/.*|/var/lib/redis/.*|/etc/cryptobot/redis-admin\.password"),
        ("unit", r"redis-server(@cryptobot)?\.service.*"),
        ("package|hold", r"redis-.*"),
        ("user|group", r"redis"),
    ),
}
"""By role, patterns of what its tasks record. What several share, libraries among it, goes with all."""


@dataclass(frozen=True)
class Entry:
    """Something that is not as it was at first. ``was``: before us; ``is_``: as we left it; ``None``: not there."""

    kind: str
    target: str
    was: Any
    is_: Any

    @property
    def undone(self) -> tuple[str, str, Any, Any]:
        """The line that says that it is as it was."""
        return (self.kind, self.target, self.is_, self.was)


def fold(lines: Iterable[Mapping[str, Any]]) -> list[Entry]:
    """One entry for each thing, in the order of their first changes.

    What has gone back in between starts anew: between two installations the host is its owner's.
    """
    found: dict[tuple[str, ...], Entry] = {}
    for line in lines:
        key = (line["kind"], line["target"], *_aspect(line))
        known = found.get(key)
        first = known.was if known and known.was != known.is_ else line["was"]
        # What took a restart is not put back by a reload, whatever came after it.
        restarted = known is not None and known.is_ == "restarted" and line["is"] == "reloaded"
        found[key] = Entry(line["kind"], line["target"], first, "restarted" if restarted else line["is"])
    return [entry for entry in found.values() if entry.was != entry.is_]


def _aspect(line: Mapping[str, Any]) -> tuple[str, ...]:
    """Of a user several things change by themselves: home and shell, memberships."""
    told = next((value for value in (line["was"], line["is"]) if isinstance(value, dict)), {})
    whole = line["kind"] != "user" or None in (line["was"], line["is"])
    return () if whole else tuple(sorted(told))


def services(entries: Iterable[Entry]) -> list[str]:
    """The services that the record knows, the longer names first, since one may begin with another."""
    found = {
        match[1] for each in entries if (match := re.fullmatch(r"/opt/cryptobot/([^/]+)/releases(/.*)?", each.target))
    }
    return sorted(found, key=lambda name: (-len(name), name))


def service_of(entry: Entry, names: Iterable[str]) -> str:
    """The service that something belongs to alone; empty for what several share."""
    for name in names:
        word = re.escape(name)
        patterns = (
            rf"/opt/cryptobot/{word}(/.*)?",
            rf"/(var/lib|var/log)/cryptobot/{word}",
            rf"/etc/cryptobot/{word}\.(json|env|nginx\.conf)",
            rf"/etc/cryptobot/secrets/{word}\.[^/]*",
            rf"(/etc/systemd/system/)?cryptobot-{word}(-[^@/]+)?(@[0-9]+)?\.service.*",
        )
        if any(re.fullmatch(pattern, entry.target) for pattern in patterns):
            return name
        if entry.kind in ("user", "group") and entry.target == f"cryptobot-{name}":
            return name
    return ""


def within(entries: list[Entry], service: str = "", role: str = "") -> list[Entry]:
    """The entries of one service, of one role, or all of them."""
    if service:
        names = services(entries)
        return [entry for entry in entries if service_of(entry, names) == service]
    if role:
        return [entry for entry in entries if _of_role(entry, role)]
    return entries


def _of_role(entry: Entry, role: str) -> bool:
    return any(
        re.fullmatch(kinds, entry.kind) and re.fullmatch(targets, entry.target) for kinds, targets in ROLES[role]
    )


def refusal(service: str, present: Iterable[str], once: Iterable[str]) -> str:
    """Why a service cannot be undone: nobody has heard of it. Empty where it can."""
    if not service or service in {*present, *once}:
        return ""
    known = ", ".join(sorted(present)) or "none"
    return (
        f"The record of state of this host knows no service {service}; it knows {known}. "
        "Give one of them: -e uninstall_service=NAME."
    )
