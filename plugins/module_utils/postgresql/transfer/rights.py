# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Owners, rights and default rights of everything in a database, from the source's catalogue under the map of roles.

What has been made at the target belongs to its superuser and has default rights. Both sides are read, and only what differs
is changed, so that a second run changes nothing. What the system or an extension made keeps its owner, and gets only those
rights that were changed at the source (against ``pg_init_privs``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..fence import travel
from ..fence.travel import OUTSIDE
from ..quoting import grantee, identifier
from ..roles_map import RolesMap

Right = tuple[str, str, str, bool]
"""Grantor, grantee, privilege, and whether it may be passed on."""

NEW_PRIVILEGES = {"MAINTAIN": 170000}
"""First `server_version_num` of privileges that older servers do not have."""

_SKIPPED_TYPES = """t.typelem <> 0 AND t.typlen = -1 AND t.typcategory = 'A' OR t.typtype = 'm'
  OR t.typrelid <> 0 AND (SELECT relkind FROM pg_class WHERE oid = t.typrelid) <> 'c'"""
_SOURCES = f"""
SELECT 'pg_namespace'::regclass AS class, oid, 0 AS sub, nspowner AS owner, nspacl AS acl, 'n' AS kind, '' AS col, '' AS more
  FROM pg_namespace n WHERE nspname !~ '^pg_(toast|temp)' AND nspname <> %(books)s AND {OUTSIDE}
UNION ALL SELECT 'pg_class'::regclass, oid, 0, relowner, relacl, CASE relkind WHEN 'S' THEN 's' ELSE 'r' END, '',
  CASE WHEN relkind = 'S' AND EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
    AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')) THEN 'owned' ELSE '' END
  FROM pg_class c WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND relpersistence <> 't'
UNION ALL SELECT 'pg_class'::regclass, a.attrelid, a.attnum, c.relowner, a.attacl, 'c', a.attname, 'column'
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE a.attacl IS NOT NULL AND NOT a.attisdropped
UNION ALL SELECT 'pg_proc'::regclass, oid, 0, proowner, proacl, 'f', '', '' FROM pg_proc
UNION ALL SELECT 'pg_type'::regclass, oid, 0, typowner, typacl, 'T', '', '' FROM pg_type t WHERE NOT ({_SKIPPED_TYPES})
UNION ALL SELECT 'pg_language'::regclass, oid, 0, lanowner, lanacl, 'l', '', '' FROM pg_language
UNION ALL SELECT 'pg_foreign_data_wrapper'::regclass, oid, 0, fdwowner, fdwacl, 'F', '', '' FROM pg_foreign_data_wrapper
UNION ALL SELECT 'pg_foreign_server'::regclass, oid, 0, srvowner, srvacl, 'S', '', '' FROM pg_foreign_server
UNION ALL SELECT 'pg_largeobject'::regclass, oid, 0, lomowner, lomacl, 'L', '', '' FROM pg_largeobject_metadata
UNION ALL SELECT 'pg_collation'::regclass, oid, 0, collowner, NULL, '', '', '' FROM pg_collation
UNION ALL SELECT 'pg_conversion'::regclass, oid, 0, conowner, NULL, '', '', '' FROM pg_conversion
UNION ALL SELECT 'pg_operator'::regclass, oid, 0, oprowner, NULL, '', '', '' FROM pg_operator
UNION ALL SELECT 'pg_opclass'::regclass, oid, 0, opcowner, NULL, '', '', '' FROM pg_opclass
UNION ALL SELECT 'pg_opfamily'::regclass, oid, 0, opfowner, NULL, '', '', '' FROM pg_opfamily
UNION ALL SELECT 'pg_ts_dict'::regclass, oid, 0, dictowner, NULL, '', '', '' FROM pg_ts_dict
UNION ALL SELECT 'pg_ts_config'::regclass, oid, 0, cfgowner, NULL, '', '', '' FROM pg_ts_config
UNION ALL SELECT 'pg_event_trigger'::regclass, oid, 0, evtowner, NULL, '', '', '' FROM pg_event_trigger
UNION ALL SELECT 'pg_statistic_ext'::regclass, oid, 0, stxowner, NULL, '', '', '' FROM pg_statistic_ext
UNION ALL SELECT 'pg_publication'::regclass, oid, 0, pubowner, NULL, '', '', CASE WHEN puballtables THEN 'publication of all tables'
  WHEN pg_catalog.to_regclass('pg_catalog.pg_publication_namespace') IS NOT NULL AND EXISTS (SELECT FROM pg_depend d
    WHERE d.refclassid = 'pg_publication'::regclass AND d.refobjid = p.oid
    AND d.classid = pg_catalog.to_regclass('pg_catalog.pg_publication_namespace')::oid) THEN 'publication of a schema' ELSE '' END
  FROM pg_publication p"""
_EXPLODED = """ARRAY(SELECT ARRAY[pg_get_userbyid(e.grantor)::text,
  CASE WHEN e.grantee = 0 THEN 'PUBLIC' ELSE pg_get_userbyid(e.grantee)::text END, e.privilege_type, e.is_grantable::text]
  FROM aclexplode(<acl>) e)"""


def _exploded(acl: str) -> str:
    return _EXPLODED.replace("<acl>", acl)


_BORN = """CASE WHEN kind NOT IN ('', 'c') THEN acldefault(kind::"char", owner) END"""
OBJECTS = f"""
WITH objects AS ({_SOURCES}), known AS (
  SELECT o.*, o.oid < 16384 AND NOT (o.class = 'pg_namespace'::regclass AND o.oid = 2200) AND o.kind <> 'L'
    OR EXISTS (SELECT FROM pg_depend d WHERE d.classid = o.class AND d.objid = o.oid AND d.deptype = 'e') AS fixed,
    (SELECT p.initprivs FROM pg_init_privs p WHERE p.classoid = o.class AND p.objoid = o.oid AND p.objsubid = o.sub) AS init
  FROM objects o)
SELECT i.type, i.identity, col, more, kind, fixed, pg_get_userbyid(owner)::text, acl IS NOT NULL,
  {_exploded(f"coalesce(acl, {_BORN})")}, {_exploded(f"CASE WHEN fixed THEN coalesce(init, {_BORN}) END")}
FROM known, pg_identify_object(class, oid, 0) i
WHERE (NOT fixed OR acl IS NOT NULL AND acl IS DISTINCT FROM init) AND identity NOT LIKE 'information_schema%%'"""
_BORN_WITH = """CASE WHEN d.defaclnamespace = 0 THEN
  acldefault(CASE d.defaclobjtype WHEN 'S' THEN 's' ELSE d.defaclobjtype END, d.defaclrole) END"""
DEFAULTS = f"""
SELECT pg_get_userbyid(d.defaclrole)::text, coalesce(n.nspname, ''), d.defaclobjtype::text,
  {_exploded("d.defaclacl")}, {_exploded(_BORN_WITH)}
FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace"""

_GRANT_ON = {
    "n": "SCHEMA", "r": "TABLE", "c": "TABLE", "s": "SEQUENCE", "f": "ROUTINE", "T": "TYPE", "l": "LANGUAGE",
    "F": "FOREIGN DATA WRAPPER", "S": "FOREIGN SERVER", "L": "LARGE OBJECT", "d": "DATABASE",
}  # fmt: skip
_ALTER = {
    "function": "ROUTINE", "procedure": "ROUTINE", "aggregate": "ROUTINE", "statistics object": "STATISTICS",
    "foreign-data wrapper": "FOREIGN DATA WRAPPER",
}  # fmt: skip
_DEFAULT_KINDS = {"r": "TABLES", "S": "SEQUENCES", "f": "FUNCTIONS", "T": "TYPES", "n": "SCHEMAS", "L": "LARGE OBJECTS"}


@dataclass(frozen=True)
class Object:
    """Something that has an owner or rights. ``init``: what a ``fixed`` one (of the system or an extension) was born with."""

    type: str
    identity: str
    column: str
    more: str
    kind: str
    fixed: bool
    owner: str
    explicit: bool
    rights: frozenset[Right]
    init: frozenset[Right]

    @property
    def key(self) -> tuple[str, str, str]:
        return self.type, self.identity, self.column

    @property
    def owner_kind(self) -> str:
        return self.more if self.more.startswith("publication") else self.type


@dataclass(frozen=True)
class Statement:
    """To be run as ``role`` (empty: as the connection's superuser)."""

    text: str
    role: str = ""


def gather(cursor: Any, books: str) -> list[Object]:
    """Everything with an owner or rights in the cursor's database; schema ``books`` is left out."""
    cursor.execute(OBJECTS, {"books": books})
    found = [Object(*row[:8], _rights(row[8]), _rights(row[9])) for row in cursor.fetchall()]
    # What a closed fence has taken for a while is not the source's own.
    fenced = travel.installed(cursor)
    return [each for each in found if not (fenced and each.fixed and travel.writes_large_objects(each.identity))]


def owners(source: Iterable[Object], target: Iterable[Object], roles: RolesMap) -> Iterator[Statement]:
    """Gives each object its native owner."""
    there = {each.key: each for each in target}
    for each in source:
        found = there.get(each.key)
        if found is None or each.fixed or each.column or each.more == "owned":
            continue
        wanted = roles.as_owner(each.owner, each.owner_kind)
        if found.owner != wanted:
            word = _ALTER.get(each.type, each.type.upper())
            yield Statement(f"ALTER {word} {each.identity} OWNER TO {identifier(wanted)}")


def owned(source: Iterable[Object], target: Iterable[Object], roles: RolesMap) -> list[Object]:
    """The target's objects as they are once :func:`owners` has run: who was the owner, as one and as a grantee, is the new one."""
    wanted = {each.key[:2]: roles.as_owner(each.owner, each.owner_kind) for each in source if not each.fixed}
    found = []
    for each in target:
        owner = each.owner if each.fixed else wanted.get(each.key[:2], each.owner)
        names = {each.owner: owner}
        moved = frozenset(
            (names.get(giver, giver), names.get(receiver, receiver), right, passes)
            for giver, receiver, right, passes in each.rights
        )
        found.append(replace(each, owner=owner, rights=moved))
    return found


def grants(source: Iterable[Object], target: Iterable[Object], roles: RolesMap, version: int) -> Iterator[Statement]:
    """Gives each object its rights; the owners must be right before. ``version`` is the target's."""
    there = {each.key: each for each in target}
    for each in source:
        if not each.explicit or not each.kind:
            continue
        found = there.get(each.key)
        wanted = _known(mapped(each.rights, each.owner, roles, each.owner_kind), version)
        if each.fixed:
            born = _known(mapped(each.init, each.owner, roles, each.owner_kind), version)
            has = frozenset(born - wanted) if found is None else found.rights & (born - wanted)
            missing = wanted - born
        else:
            owner = roles.as_owner(each.owner, each.owner_kind)
            has = found.rights if found else frozenset()
            has = frozenset(right for right in has if not (right[1] == owner and right[2] in NEW_PRIVILEGES))
            missing, has = wanted - has, has - wanted
        place = f"{_GRANT_ON[each.kind]} {each.identity}"
        yield from _statements(place, each.column, has, missing, roles.as_owner(each.owner, each.owner_kind))


def defaults(source: Any, target: Any, roles: RolesMap, version: int) -> Iterator[Statement]:
    """Default rights; from cursors in the two databases."""
    there = {}
    target.execute(DEFAULTS)
    for role, schema, kind, rights, __ in target.fetchall():
        there[role, schema, kind] = _rights(rights)
    source.execute(DEFAULTS)
    for role, schema, kind, rights, born in source.fetchall():
        owner = roles.as_owner(role)
        wanted = _known(mapped(_rights(rights), role, roles), version)
        base = there.get((owner, schema, kind), _known(mapped(_rights(born), role, roles), version))
        where = f" IN SCHEMA {identifier(schema)}" if schema else ""
        head = f"ALTER DEFAULT PRIVILEGES FOR ROLE {identifier(owner)}{where} "
        for statement in _statements(_DEFAULT_KINDS[kind], "", base - wanted, wanted - base, owner):
            yield Statement(head + statement.text)


def mapped(rights: Iterable[Right], owner: str, roles: RolesMap, kind: str = "") -> frozenset[Right]:
    """Rights under the map of roles; the owner's own are the native owner's."""
    found = set()
    native = roles.as_owner(owner, kind)
    for grantor, receiver, privilege, passes in rights:
        givers = (native,) if grantor == owner else roles.as_grantee(grantor, owner)
        receivers = (native,) if receiver == owner else roles.as_grantee(receiver, owner)
        found |= {(givers[0], each, privilege, passes) for each in receivers}
    return frozenset(found)


def _known(rights: frozenset[Right], version: int) -> frozenset[Right]:
    return frozenset(right for right in rights if NEW_PRIVILEGES.get(right[2], 0) <= version)


def _statements(
    place: str, column: str, extra: frozenset[Right], missing: frozenset[Right], owner: str
) -> Iterator[Statement]:
    """REVOKE first, then GRANT: the owner's own first, those that were passed on after them."""
    for (__, receiver, __), names in sorted(_grouped(extra).items()):
        yield Statement(f"REVOKE {_privileges(names, column)} ON {place} FROM {grantee(receiver)}")
    order = sorted(_grouped(missing).items(), key=lambda item: (item[0][0] != owner, not item[0][2], item[0]))
    for (grantor, receiver, passes), names in order:
        option = " WITH GRANT OPTION" if passes and receiver != owner else ""
        yield Statement(
            f"GRANT {_privileges(names, column)} ON {place} TO {grantee(receiver)}{option}",
            "" if grantor == owner else grantor,
        )


def _grouped(rights: Iterable[Right]) -> Mapping[tuple[str, str, bool], list[str]]:
    found: dict[tuple[str, str, bool], list[str]] = {}
    for grantor, receiver, privilege, passes in sorted(rights):
        found.setdefault((grantor, receiver, passes), []).append(privilege)
    return found


def _privileges(names: list[str], column: str) -> str:
    return ", ".join(f"{name} ({identifier(column)})" if column else name for name in names)


def _rights(rows: list[list[str]] | None) -> frozenset[Right]:
    return frozenset(
        (grantor, receiver, privilege, passes == "true") for grantor, receiver, privilege, passes in rows or []
    )


def of_database(cursor: Any, name: str, called: str) -> Object:
    """The database itself as an object with rights; ``called`` is its name at the target."""
    acl = _exploded("coalesce(datacl, acldefault('d', datdba))")
    cursor.execute(
        f"SELECT pg_get_userbyid(datdba)::text, datacl IS NOT NULL, {acl} FROM pg_database WHERE datname = %s", (name,)
    )
    owner, explicit, found = cursor.fetchone()
    return Object("database", identifier(called), "", "", "d", False, owner, explicit, _rights(found), frozenset())
