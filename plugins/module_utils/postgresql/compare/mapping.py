# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles, owners and rights as they are to be on the target: the map of roles applied, the catalogue's own additions known."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..objects import DATA_RIGHTS, POOLER_ROLE, migrator
from ..roles_map import RolesMap

PUBLIC = "PUBLIC"
OWNER = "(owner)"
MAINTAIN, MAINTAIN_SINCE = "MAINTAIN", 17
# Of which kind of grants in the catalogue's levels an object is.
CLASSES = {
    "relation": "TABLES",
    "column": "TABLES",
    "sequence": "SEQUENCES",
    "function": "FUNCTIONS",
    "aggregate": "FUNCTIONS",
    "schema": "SCHEMAS",
}
Right = tuple[str, str, bool, str]
"""Grantee, privilege, whether it may be passed on, and who granted it."""


@dataclass(frozen=True)
class Roles:
    """What stands on the target for the source's roles, and what the catalogue adds there: ``access`` by role."""

    map: RolesMap
    access: Mapping[str, str] = field(default_factory=dict)
    elsewhere: frozenset[str] = frozenset()
    """Roles of the source's server that are mapped with other databases, and judged there."""
    back: bool = False
    """The target is the server that the source was once migrated from: its own superusers are as they were."""

    @property
    def native(self) -> frozenset[str]:
        """Roles of the target that are the catalogue's."""
        granted = {each for many in self.map.logins.values() for each in many}
        return frozenset({self.map.owner, self.map.administrator, *granted, *self.access})

    def owner(self, role: str, kind: str = "") -> str:
        return self.map.as_owner(role, kind)

    def as_grantees(self, role: str) -> tuple[str, ...]:
        return self.map.as_grantee(role)

    def expected(self, owner: str, rights: Iterable[Iterable[Any]]) -> set[Right]:
        """The source's rights as the target should have them."""
        result: set[Right] = set()
        for grantee, privilege, passes_on, grantor in rights:
            by = OWNER if grantor == owner else self.as_grantees(grantor)[0]
            names = (OWNER,) if grantee == owner else (PUBLIC,) if grantee == PUBLIC else self.as_grantees(grantee)
            result.update((name, privilege, passes_on, by) for name in names)
        return result

    def tolerates(self, kind: str, right: Right) -> bool:
        """Whether the catalogue itself gives this right beyond what the source had."""
        grantee, privilege, passes_on, __ = right
        if passes_on:
            return False
        if kind == "database":
            return privilege == "CONNECT" and grantee in {*self.access, *map(migrator, self.access), POOLER_ROLE}
        return privilege in DATA_RIGHTS[self.access.get(grantee, "connect")].get(CLASSES.get(kind, ""), ())


def found(owner: str, rights: Iterable[Iterable[Any]]) -> set[Right]:
    """The target's rights in the same words."""
    return {
        (OWNER if grantee == owner else grantee, privilege, passes_on, OWNER if grantor == owner else grantor)
        for grantee, privilege, passes_on, grantor in rights
    }


def known_to_both(rights: Iterable[Right], majors: Collection[int]) -> set[Right]:
    """Without the privilege that the older of the two does not know."""
    return {right for right in rights if right[1] != MAINTAIN or min(majors) >= MAINTAIN_SINCE}


def spelled(right: Right) -> str:
    grantee, privilege, passes_on, grantor = right
    return (
        f"{privilege} to {grantee}"
        + (" with grant option" if passes_on else "")
        + (f" by {grantor}" if grantor != OWNER else "")
    )
