# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which native role stands for a role of the source: as an owner, and as one who was granted something.

In a Compose project the role that a service logs in as usually owns its database as well. Natively these are two: who owns a
table can drop it and disable its triggers, so `<service>_owner` owns and can't log in, and `<service>` has rights on data.
The transfer applies this map, the comparison compares under it, and nothing else knows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

ADMINISTRATOR = "postgres"
PUBLIC = "PUBLIC"
SUPERUSERS_ONLY = frozenset(
    {"event trigger", "foreign-data wrapper", "publication of all tables", "publication of a schema"}
)
"""Kinds of objects that PostgreSQL lets superusers own alone: natively the administrator owns them."""


@dataclass(frozen=True)
class RolesMap:
    """``owner`` owns the database natively; ``logins`` maps each login of the source that the catalogue knows to the native
    roles in its place; ``superuser`` is the source's first one (``POSTGRES_USER``)."""

    owner: str
    logins: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    superuser: str = ADMINISTRATOR
    administrator: str = ADMINISTRATOR

    def as_owner(self, role: str, kind: str = "") -> str:
        """Who owns natively what the role owned; ``kind`` as ``pg_identify_object`` says it."""
        if kind in SUPERUSERS_ONLY:
            return self.administrator
        if role in self.logins:
            return self.owner
        return self.administrator if role == self.superuser else role

    def as_grantee(self, role: str, owner: str = "") -> tuple[str, ...]:
        """Who has natively what the role had been granted on an object of the source's role ``owner``."""
        if role == PUBLIC:
            return (PUBLIC,)
        if role == owner:
            return (self.as_owner(role),)
        if role in self.logins:
            return self.logins[role]
        return (self.administrator,) if role == self.superuser else (role,)

    def is_carried(self, role: str) -> bool:
        """Whether the role itself goes over under its own name."""
        return role not in self.logins and role != self.superuser and role != PUBLIC and not role.startswith("pg_")

    def described(self) -> dict[str, Any]:
        """For plans and results."""
        return {
            "owner": self.owner,
            "logins": {
                role: {"owns_as": self.owner, "granted_as": list(native)}
                for role, native in sorted(self.logins.items())
            },
            "superuser": {self.superuser: self.as_owner(self.superuser)},
        }


def roles_map(
    owner: str,
    roles: Mapping[str, str | Iterable[str]] | None,
    access: Mapping[str, str] | None = None,
    database_owner: str = "",
    superuser: str = ADMINISTRATOR,
) -> RolesMap:
    """The map of one database.

    Where ``roles`` is not said, the login is who owns the source's database, and the native roles in its place are those
    that ``access`` lets write.
    """
    if not roles:
        writers = tuple(sorted(role for role, level in (access or {}).items() if level == "write"))
        logins = (
            {database_owner: writers or (owner,)} if database_owner and not database_owner.startswith("pg_") else {}
        )
    else:
        logins = {role: (native,) if isinstance(native, str) else tuple(native) for role, native in roles.items()}
    return RolesMap(owner, logins, superuser)


def inverse(forward: RolesMap, database_owner: str) -> RolesMap:
    """The map of the way back: native owner and logins become the login that owns the Compose project's database again."""
    login = next(iter(forward.logins), database_owner)
    logins = {forward.owner: (login,)}
    for source, native in forward.logins.items():
        logins |= {role: (source,) for role in native}
    return RolesMap(database_owner, logins, forward.administrator, forward.superuser)


def unmapped(superuser: str) -> RolesMap:
    """The map where everybody keeps their name, within one server."""
    return RolesMap(superuser, {}, superuser, superuser)
