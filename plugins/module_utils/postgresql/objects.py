# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles, databases and rights: what is wanted, what the server has, and the statements that lead from one to the other.

A role that the collection does not know keeps whatever it has; roles of the collection get exactly what is wanted, and
``PUBLIC`` gets nothing in the collection's databases.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import scram
from ..changes import Change

PUBLIC = "PUBLIC"
DATA_RIGHTS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "write": {
        "TABLES": ("SELECT", "INSERT", "UPDATE", "DELETE"),
        "SEQUENCES": ("USAGE", "SELECT", "UPDATE"),
        "FUNCTIONS": ("EXECUTE",),
        "SCHEMAS": ("USAGE",),
    },
    "read": {"TABLES": ("SELECT",), "SEQUENCES": ("SELECT",), "FUNCTIONS": ("EXECUTE",), "SCHEMAS": ("USAGE",)},
    "connect": {},
}
"""What a level of access means. Who owns a table can drop it and disable its triggers, so no service owns anything."""

POOLER_ROLE = "cryptobot_pgbouncer"
POOLER_SCHEMA = "cryptobot_pooler"
POOLER_LOOKUP = (
    "SELECT rolname::text, rolpassword FROM pg_catalog.pg_authid "
    "WHERE rolname = name AND rolcanlogin AND NOT rolsuper AND NOT rolreplication"
)
"""How a pooler finds a verifier without being a superuser; superusers' own stay out of its sight."""


def migrator(service: str) -> str:
    """The role as which the step that migrates a service's schema logs in, by the service's own role."""
    return f"{service}_migrate"


@dataclass(frozen=True)
class Statement:
    """One statement: ``{name}`` in ``text`` stands for an identifier out of ``names``, ``%s`` for a bound value.
    ``database`` is where it is to be run; the empty string means anywhere."""

    text: str
    names: Mapping[str, str] = field(default_factory=dict)
    values: tuple[Any, ...] = ()
    database: str = ""


@dataclass(frozen=True)
class ServerChange(Change):
    """A change made by statements."""

    statements: tuple[Statement, ...] = ()


@dataclass(frozen=True)
class Role:
    name: str
    login: bool = True
    connection_limit: int = -1
    member_of: frozenset[str] = frozenset()
    settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By database, what is set when this role comes in there."""
    verifier: str | None = None
    """Of a role found on the server: what is stored of its password."""
    powers: frozenset[str] = frozenset()
    """Of a role found on the server: attributes that no role of ours has, as ``SUPERUSER``."""

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Role:
        return cls(
            options["name"],
            options["login"],
            options["connection_limit"],
            frozenset(options["member_of"] or ()),
            options["settings"] or {},
        )


@dataclass(frozen=True)
class Database:
    name: str
    owner: str
    access: Mapping[str, str] = field(default_factory=dict)
    extensions: tuple[str, ...] = ()
    locale: str = "C.UTF-8"
    pooler: str | None = None
    """The role of a connection pooler that must be able to look up verifiers."""

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Database:
        kept = {key: options[key] for key in ("name", "owner", "locale", "pooler")}
        return cls(access=options["access"] or {}, extensions=tuple(options["extensions"] or ()), **kept)


Grants = Mapping[str, frozenset[str]]
"""Privileges by the name of who has them; ``PUBLIC`` is one."""


@dataclass(frozen=True)
class FoundDatabase:
    """A database on the server. ``defaults`` are the default privileges of the wanted owner by kind of object; ``lacking``
    are pairs of a schema and a kind for which a role lacks rights on objects of that owner."""

    owner: str
    grants: Grants = field(default_factory=dict)
    schema_grants: Mapping[str, Grants] = field(default_factory=dict)
    defaults: Mapping[str, Grants] = field(default_factory=dict)
    lacking: Mapping[str, frozenset[tuple[str, str]]] = field(default_factory=dict)
    extensions: frozenset[str] = frozenset()
    lookup: str | None = None
    """The body of the pooler's function."""


@dataclass(frozen=True)
class Found:
    roles: Mapping[str, Role] = field(default_factory=dict)
    databases: Mapping[str, FoundDatabase] = field(default_factory=dict)


NEW_DATABASE = FoundDatabase("", {PUBLIC: frozenset({"CONNECT", "TEMPORARY"})}, {"public": {PUBLIC: frozenset({"USAGE"})}})


def plan(
    roles: Iterable[Role], databases: Iterable[Database], passwords: Mapping[str, str], found: Found
) -> list[ServerChange]:
    """The changes in the order in which they can be made: roles, their memberships, databases, then what is set and granted."""
    roles, databases = list(roles), list(databases)
    changes = [change for role in roles for change in _role(role, found.roles.get(role.name), passwords.get(role.name))]
    changes += [change for role in roles for change in _memberships(role, found.roles.get(role.name))]
    for database in databases:
        there = found.databases.get(database.name)
        changes += _database(database, there)
        changes += inside(database, there or NEW_DATABASE, {role.name for role in roles})
    return changes + [change for role in roles for change in _settings(role, found.roles.get(role.name))]


def lasting(changes: Iterable[ServerChange]) -> list[ServerChange]:
    """Without the rights that a database of these changes gives to everybody at its birth, and loses at once."""
    changes = list(changes)
    born = {change.target.removeprefix("database ") for change in changes if change.was is None and change.target.startswith("database ")}
    return [change for change in changes if change.is_ is not None or not born & {each.database for each in change.statements}]


def _change(target: str, was: Any, is_: Any, *statements: Statement) -> ServerChange:
    return ServerChange(kind="postgresql", target=target, was=was, is_=is_, statements=statements)


def _role(role: Role, there: Role | None, password: str | None) -> Iterator[ServerChange]:
    names = {"role": role.name}
    wanted = {"login": role.login, "connection_limit": role.connection_limit}
    attributes = f"{'LOGIN' if role.login else 'NOLOGIN'} CONNECTION LIMIT {int(role.connection_limit)}"
    if there is None:
        yield _change(f"role {role.name}", None, wanted, Statement(f"CREATE ROLE {{role}} {attributes}", names))
    else:
        was = {"login": there.login, "connection_limit": there.connection_limit}
        if there.powers:
            was, wanted = {**was, "powers": sorted(there.powers)}, {**wanted, "powers": []}
            attributes += "".join(f" NO{power}" for power in sorted(there.powers))
        if was != wanted:
            yield _change(f"role {role.name}", was, wanted, Statement(f"ALTER ROLE {{role}} {attributes}", names))
    if password is not None and not scram.matches(password, there and there.verifier):
        statement = Statement("ALTER ROLE {role} PASSWORD %s", names, (scram.verifier(password),))
        yield _change(f"password of role {role.name}", "set" if there and there.verifier else None, "set anew", statement)


def _memberships(role: Role, there: Role | None) -> Iterator[ServerChange]:
    for group in sorted(role.member_of - (there.member_of if there else frozenset())):
        statement = Statement("GRANT {group} TO {role}", {"group": group, "role": role.name})
        yield _change(f"membership of {role.name} in {group}", None, "member", statement)


def _settings(role: Role, there: Role | None) -> Iterator[ServerChange]:
    for database, wanted in sorted(role.settings.items()):
        was = (there.settings if there else {}).get(database, {})
        for name, value in sorted(wanted.items()):
            if was.get(name) != value:
                names = {"role": role.name, "database": database, "setting": name}
                statement = Statement("ALTER ROLE {role} IN DATABASE {database} SET {setting} = %s", names, (value,))
                yield _change(f"{name} of {role.name} in {database}", was.get(name), value, statement)


def _database(database: Database, there: FoundDatabase | None) -> Iterator[ServerChange]:
    names = {"database": database.name, "owner": database.owner}
    if there is None:
        text = "CREATE DATABASE {database} OWNER {owner} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE %s LC_CTYPE %s"
        is_ = {"owner": database.owner, "encoding": "UTF8", "locale": database.locale}
        statement = Statement(text, names, (database.locale, database.locale))
        yield _change(f"database {database.name}", None, is_, statement)
    elif there.owner != database.owner:
        statement = Statement("ALTER DATABASE {database} OWNER TO {owner}", names)
        yield _change(f"owner of database {database.name}", there.owner, database.owner, statement)


def inside(database: Database, there: FoundDatabase, ours: set[str]) -> Iterator[ServerChange]:
    """What is in a database, and the rights of ``ours`` there."""
    where = database.name
    connect = {role: frozenset({"CONNECT"}) for role in database.access}
    yield from _grants(f"database {where}", "DATABASE {object}", where, where, connect, there.grants, ours - {database.owner})
    for extension in database.extensions:
        if extension not in there.extensions:
            statement = Statement("CREATE EXTENSION {extension}", {"extension": extension}, database=where)
            yield _change(f"extension {extension} in {where}", None, "created", statement)
    usage = {role: frozenset(rights) for role, rights in _rights(database, "SCHEMAS")}
    for schema, grants in sorted(there.schema_grants.items()):
        title = f"schema {where}.{schema}"
        yield from _grants(title, "SCHEMA {object}", schema, where, usage, grants, ours - {database.owner})
    yield from _defaults(database, there, ours - {database.owner})
    yield from _lacking(database, there)
    if database.pooler and there.lookup != POOLER_LOOKUP:
        title = f"lookup of {database.pooler} in {where}"
        yield _change(title, there.lookup and "another", "created", *_lookup(where, database.pooler))


def _lookup(database: str, role: str) -> Iterator[Statement]:
    names = {"schema": POOLER_SCHEMA, "role": role}
    function = "{schema}.lookup(text)"
    for text in (
        "CREATE SCHEMA IF NOT EXISTS {schema}",
        "CREATE OR REPLACE FUNCTION {schema}.lookup(name text, OUT role text, OUT verifier text) RETURNS record "
        "LANGUAGE sql STABLE STRICT SECURITY DEFINER SET search_path = pg_catalog "
        f"AS $lookup${POOLER_LOOKUP}$lookup$",
        f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC",
        "GRANT USAGE ON SCHEMA {schema} TO {role}",
        f"GRANT EXECUTE ON FUNCTION {function} TO {{role}}",
    ):
        yield Statement(text, names, (), database)


def _rights(database: Database, kind: str) -> list[tuple[str, tuple[str, ...]]]:
    return [(role, DATA_RIGHTS[level][kind]) for role, level in database.access.items() if kind in DATA_RIGHTS[level]]


def _grants(
    title: str, phrase: str, name: str, database: str, wanted: Grants, was: Grants, ours: set[str]
) -> Iterator[ServerChange]:
    """``wanted`` exactly, for our roles and for PUBLIC; whoever else has something keeps it."""
    for role in [PUBLIC, *sorted(ours)]:
        before, after = was.get(role, frozenset()), wanted.get(role, frozenset())
        statements = [
            Statement(f"{verb} {', '.join(sorted(rights))} ON {phrase} {word} {_grantee(role)}", {"object": name, "role": role}, (), database)
            for verb, word, rights in (("REVOKE", "FROM", before - after), ("GRANT", "TO", after - before))
            if rights
        ]
        if statements:
            yield _change(f"rights of {role} on {title}", sorted(before) or None, sorted(after) or None, *statements)


def _grantee(role: str) -> str:
    return PUBLIC if role == PUBLIC else "{role}"


def _defaults(database: Database, there: FoundDatabase, ours: set[str]) -> Iterator[ServerChange]:
    """Rights on what the owner will make. PUBLIC's own defaults (functions, types) stay: it can't connect."""
    for kind in ("TABLES", "SEQUENCES", "FUNCTIONS", "SCHEMAS"):
        wanted = {role: frozenset(rights) for role, rights in _rights(database, kind)}
        was = there.defaults.get(kind, {})
        for role in sorted(ours):
            before, after = was.get(role, frozenset()), wanted.get(role, frozenset())
            names = {"owner": database.owner, "role": role}
            statements = [
                Statement(
                    f"ALTER DEFAULT PRIVILEGES FOR ROLE {{owner}} {verb} {', '.join(sorted(rights))} ON {kind} {word} {{role}}",
                    names,
                    (),
                    database.name,
                )
                for verb, word, rights in (("REVOKE", "FROM", before - after), ("GRANT", "TO", after - before))
                if rights
            ]
            if statements:
                title = f"default rights of {role} on {kind.lower()} of {database.owner} in {database.name}"
                yield _change(title, sorted(before) or None, sorted(after) or None, *statements)


def _lacking(database: Database, there: FoundDatabase) -> Iterator[ServerChange]:
    """Rights on what the owner made before a role came."""
    for role, pairs in sorted(there.lacking.items()):
        level = DATA_RIGHTS[database.access[role]]
        for schema, kind in sorted(pairs):
            rights = ", ".join(level[kind])
            statement = Statement(
                f"GRANT {rights} ON ALL {kind} IN SCHEMA {{schema}} TO {{role}}",
                {"schema": schema, "role": role},
                (),
                database.name,
            )
            yield _change(f"rights of {role} on {kind.lower()} in {database.name}.{schema}", "incomplete", rights, statement)
