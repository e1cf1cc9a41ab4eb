# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fence belongs to one database of one server: copies, backups and comparisons leave it out.

A schema that is called ``migration`` and is the application's own goes along as any other: the fence's is known by its
comment.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from .definitions import CONTROLLER, EVENT_TRIGGERS, SCHEMA, TITLE, TRIGGER
from .row import LARGE_OBJECT_WRITERS

FOLLOWER = "migration_follower"
"""The role as which a follower reads."""
GUEST = "migration_guest_"
"""How the roles of native services begin that use a database in its container."""
FOLLOW = "migration_follow"
"""How publications, subscriptions and slots of a migration begin."""
ROLES = f"^({CONTROLLER}$|{FOLLOWER}|{GUEST})"
"""A regular expression for the names of a migration's own roles."""

FENCE = f"(n.nspname = '{SCHEMA}' AND starts_with(coalesce(obj_description(n.oid, 'pg_namespace'), ''), '{TITLE}'))"
"""For queries with ``pg_namespace`` as ``n``: whether the schema is the fence's."""
OUTSIDE = f"NOT {FENCE}"
INSTALLED = f"SELECT 1 FROM pg_namespace n WHERE {FENCE}"

_ROLE_LINE = re.compile(
    rb"^(?:CREATE|ALTER|COMMENT ON|GRANT)\b[^\n]*\b(?:migration_controller|migration_follower\w*|migration_guest_\w*)\b"
)
_KNOWN_BY = f"FUNCTION {SCHEMA} refuse_write() "
_ENTRY = re.compile(
    rf"(?:TRIGGER \S+ \S.* {TRIGGER} "
    rf"|EVENT TRIGGER - (?:{'|'.join(EVENT_TRIGGERS)}) "
    rf"|PUBLICATION - {FOLLOW}|PUBLICATION TABLE \S+ {FOLLOW}|SUBSCRIPTION - {FOLLOW}"
    rf"|ACL pg_catalog FUNCTION (?:{'|'.join(LARGE_OBJECT_WRITERS)})\("
    rf"|[A-Z ]+ {SCHEMA} |(?:SCHEMA|ACL|COMMENT) - (?:SCHEMA )?{SCHEMA} )"
)


def guest(service: str) -> str:
    """A service's role in a database that is in its container still and moves with another migration group."""
    return f"{GUEST}{service.replace('-', '_')}"


def stays(kind: str, name: str) -> bool:
    """Whether an object that a comparison has found by kind and name is a part of the fence or of following."""
    if kind == "trigger":
        return name.startswith(f"{TRIGGER} on ")
    if kind == "event trigger":
        return name in EVENT_TRIGGERS
    if kind in ("role", "membership"):
        return re.match(ROLES, name) is not None
    if kind in ("publication", "subscription"):
        return name.startswith(FOLLOW)
    return kind == "comment" and name.lower() == f"schema {SCHEMA}"


def writes_large_objects(name: str) -> bool:
    """Whether this is a function whose rights a closed fence has taken for a while."""
    return any(f"pg_catalog.{function}(" in name for function in LARGE_OBJECT_WRITERS)


def installed(cursor: Any) -> bool:
    """Whether the cursor's database has a fence."""
    cursor.execute(INSTALLED)
    return cursor.fetchone() is not None


def left_out(listed: Iterable[str]) -> set[int]:
    """Numbers of the entries of ``pg_restore --list`` that are the fence's; none where there is no fence."""
    entries = [
        (int(number), " ".join(text.split(" ")[2:]) + " ")
        for number, __, text in (line.partition("; ") for line in listed)
        if number.isdigit()
    ]
    if not any(text.startswith(_KNOWN_BY) for __, text in entries):
        return set()
    return {number for number, text in entries if _ENTRY.match(text)}


def roles_of_others(script: bytes) -> bytes:
    """``pg_dumpall --roles-only`` without the roles of a migration."""
    return b"\n".join(line for line in script.split(b"\n") if not _ROLE_LINE.match(line))
