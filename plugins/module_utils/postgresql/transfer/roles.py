# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles of the source that the catalogue does not know: carried under their own names with their verifiers.

SUPERUSER is never carried. A native role that is there already keeps its powers and its password; what it lacks of
memberships and settings it gets.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..fence import travel
from ..quoting import identifier, literal
from ..roles_map import RolesMap

LISTS = frozenset(
    {
        "local_preload_libraries",
        "search_path",
        "session_preload_libraries",
        "shared_preload_libraries",
        "temp_tablespaces",
        "unix_socket_directories",
    }
)
"""Settings whose stored values are lists of names, quoted already (`GUC_LIST_QUOTE`)."""

ROLES = f"""
SELECT r.rolname, r.rolinherit, r.rolcreaterole, r.rolcreatedb, r.rolcanlogin, r.rolreplication, r.rolbypassrls, r.rolconnlimit,
       r.rolvaliduntil::text, a.rolpassword, shobj_description(r.oid, 'pg_authid'), r.rolsuper
FROM pg_roles r JOIN pg_authid a USING (oid) WHERE r.rolname !~ '{travel.ROLES}'"""
MEMBERS = f"""
SELECT to_jsonb(m) || jsonb_build_object('group', g.rolname, 'who', r.rolname)
FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid JOIN pg_roles r ON r.oid = m.member
WHERE r.rolname !~ '{travel.ROLES}'"""
SETTINGS = "SELECT r.rolname, unnest(s.setconfig) FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole WHERE s.setdatabase = 0"
SUPERUSER = "SELECT rolname FROM pg_roles WHERE oid = 10"
PARAMETERS = """
SELECT p.parname, CASE WHEN e.grantee = 0 THEN 'PUBLIC' ELSE pg_get_userbyid(e.grantee)::text END, e.privilege_type, e.is_grantable
FROM pg_parameter_acl p, aclexplode(p.paracl) e"""
FIRST_WITH_MEMBER_OPTIONS = 160000
FIRST_WITH_PARAMETERS = 150000


@dataclass(frozen=True)
class Role:
    """A row of ``pg_authid``. ``verifier`` is a secret."""

    name: str
    inherit: bool
    create_role: bool
    create_database: bool
    login: bool
    replication: bool
    bypass_rls: bool
    limit: int
    until: str | None
    verifier: str | None = field(repr=False)
    comment: str | None
    superuser: bool

    def options(self) -> str:
        """As CREATE ROLE takes them; never SUPERUSER."""
        powers = {
            "INHERIT": self.inherit, "CREATEROLE": self.create_role, "CREATEDB": self.create_database, "LOGIN": self.login,
            "REPLICATION": self.replication, "BYPASSRLS": self.bypass_rls,
        }  # fmt: skip
        words = [name if has else f"NO{name}" for name, has in powers.items()]
        words.append(f"CONNECTION LIMIT {self.limit}")
        words += [f"VALID UNTIL {literal(self.until)}"] if self.until else []
        words += [f"PASSWORD {literal(self.verifier)}"] if self.verifier else []
        return " ".join(words)


@dataclass(frozen=True)
class Found:
    """The roles of a server: memberships as (group, member) → options, settings by role, rights on parameters."""

    roles: Mapping[str, Role]
    members: Mapping[tuple[str, str], Mapping[str, Any]]
    settings: Mapping[str, Mapping[str, str]]
    parameters: frozenset[tuple[str, str, str, bool]]
    superuser: str
    version: int


@dataclass(frozen=True)
class Change:
    """``title`` may be shown, ``text`` may hold a verifier."""

    title: str
    text: str = field(repr=False)


def gather(cursor: Any) -> Found:
    version = cursor.connection.server_version
    cursor.execute(ROLES)
    roles = {row[0]: Role(*row) for row in cursor.fetchall()}
    cursor.execute(MEMBERS)
    members = {(row["group"], row["who"]): row for (row,) in cursor.fetchall()}
    settings: dict[str, dict[str, str]] = {}
    cursor.execute(SETTINGS)
    for role, setting in cursor.fetchall():
        name, __, value = setting.partition("=")
        settings.setdefault(role, {})[name] = value
    parameters: frozenset[tuple[str, str, str, bool]] = frozenset()
    if version >= FIRST_WITH_PARAMETERS:
        cursor.execute(PARAMETERS)
        parameters = frozenset(tuple(row) for row in cursor.fetchall())
    cursor.execute(SUPERUSER)
    return Found(roles, members, settings, parameters, cursor.fetchone()[0], version)


def plan(source: Found, target: Found, maps: Iterable[RolesMap]) -> Iterator[Change]:
    """What it takes so that every carried role is there. ``maps``: of all databases that move together."""
    maps = list(maps)
    roles = maps[0] if len(maps) == 1 else joined(maps)
    for name in sorted(source.roles):
        if roles.is_carried(name) and name not in target.roles:
            role = source.roles[name]
            yield Change(f"role {name}", f"CREATE ROLE {identifier(name)} {role.options()}")
            if role.comment:
                yield Change(
                    f"comment of role {name}", f"COMMENT ON ROLE {identifier(name)} IS {literal(role.comment)}"
                )
    yield from _memberships(source, target, roles)
    for name in sorted(source.settings):
        for native in roles.as_grantee(name) if name != source.superuser else ():
            has = target.settings.get(native, {})
            for setting, value in sorted(source.settings[name].items()):
                if has.get(setting) != value:
                    yield Change(
                        f"setting {setting} of role {native}",
                        f"ALTER ROLE {identifier(native)} SET {assignment(setting, value, roles)}",
                    )
    if target.version >= FIRST_WITH_PARAMETERS:
        yield from _parameters(source, target, roles)


def _memberships(source: Found, target: Found, roles: RolesMap) -> Iterator[Change]:
    for (group, who), row in sorted(source.members.items()):
        for native_group in roles.as_grantee(group):
            for native in roles.as_grantee(who):
                if native == native_group or who == source.superuser or (native_group, native) in target.members:
                    continue
                options = " WITH ADMIN OPTION" if row["admin_option"] else ""
                if "inherit_option" in row and target.version >= FIRST_WITH_MEMBER_OPTIONS:
                    options = " WITH " + ", ".join(
                        f"{each.upper()} {str(row[each + '_option']).upper()}" for each in ("admin", "inherit", "set")
                    )
                yield Change(
                    f"{native} as a member of {native_group}",
                    f"GRANT {identifier(native_group)} TO {identifier(native)}{options}",
                )


def _parameters(source: Found, target: Found, roles: RolesMap) -> Iterator[Change]:
    for parameter, role, privilege, passes in sorted(source.parameters):
        for native in roles.as_grantee(role):
            if (parameter, native, privilege, passes) not in target.parameters and role != source.superuser:
                option = " WITH GRANT OPTION" if passes else ""
                receiver = native if native == "PUBLIC" else identifier(native)
                yield Change(
                    f"right of {native} on {parameter}",
                    f"GRANT {privilege} ON PARAMETER {parameter} TO {receiver}{option}",
                )


def joined(maps: Iterable[RolesMap]) -> RolesMap:
    """One map for what belongs to the whole server: a login of several databases stands for all its native roles."""
    maps = list(maps)
    logins: dict[str, tuple[str, ...]] = {}
    for each in maps:
        for role, native in each.logins.items():
            logins[role] = tuple(sorted({*logins.get(role, ()), *native}))
    return RolesMap(maps[0].owner, logins, maps[0].superuser, maps[0].administrator)


def assignment(name: str, value: str, roles: RolesMap | None = None) -> str:
    """`name = value` for ALTER … SET, as pg_dump writes it: lists of names element by element."""
    if name.lower() in LISTS:
        return f"{_setting(name)} = {', '.join(literal(each) for each in elements(value)) or literal('')}"
    if name.lower() == "role" and roles and value not in ("none", ""):
        value = roles.as_owner(value)
    return f"{_setting(name)} = {literal(value)}"


def elements(value: str) -> list[str]:
    """The names of a list such as `"$user", public`."""
    found, word, quoted, index = [], "", False, 0
    while index < len(value):
        letter = value[index]
        if letter == '"':
            if quoted and value[index + 1 : index + 2] == '"':
                word += '"'
                index += 1
            else:
                quoted = not quoted
        elif letter == "," and not quoted:
            found.append(word.strip())
            word = ""
        else:
            word += letter
        index += 1
    return [*found, word.strip()] if word.strip() or found else []


def _setting(name: str) -> str:
    return ".".join(identifier(part) for part in name.split("."))
