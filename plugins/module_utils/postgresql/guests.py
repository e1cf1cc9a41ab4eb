# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles of native services in a container's PostgreSQL database, which is lent to them until it moves.

Each has the password that its service has natively, and as a member the rights of the roles that own what is in the
database, for whoever used it in Docker came in as one of them; who only reads there is a member of ``pg_read_all_data``, from
PostgreSQL 14.
They belong to this server alone: copies and comparisons leave them out (:mod:`.fence.travel`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..changes import Change
from . import scram
from .endpoint import Endpoint, EndpointError
from .fence.travel import ROLES
from .quoting import identifier, literal

READERS = "pg_read_all_data"
FIRST_WITH_READERS = 140000
UNNOTED = "SET migration.fencing = on"
"""For the fence's notes of DDL: what is made here stays here, and is no obstacle to a change of sides."""
OWNERS = f"""
SELECT DISTINCT pg_catalog.pg_get_userbyid(owner)::text FROM (
  SELECT datdba FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()
  UNION SELECT c.relowner FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.objid = c.oid AND e.deptype = 'e')
) AS found (owner) WHERE pg_catalog.pg_get_userbyid(owner) !~ '{ROLES}' ORDER BY 1"""
FOUND = """
SELECT r.rolname::text, a.rolpassword, ARRAY(SELECT g.rolname::text FROM pg_catalog.pg_auth_members m
  JOIN pg_catalog.pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid ORDER BY 1)
FROM pg_catalog.pg_roles r JOIN pg_catalog.pg_authid a USING (oid) WHERE r.rolname = ANY(%s)"""
END = "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE usename = %s AND pid <> pg_catalog.pg_backend_pid()"
ELSEWHERE = """
SELECT pg_catalog.string_agg(DISTINCT d.datname, ', ') FROM pg_catalog.pg_shdepend s JOIN pg_catalog.pg_database d ON d.oid = s.dbid
WHERE s.refclassid = 'pg_catalog.pg_authid'::regclass AND s.refobjid = (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = %s)"""


@dataclass(frozen=True)
class Guest:
    """A role that is wanted. ``password`` is a secret; a guest that is to be gone needs none."""

    role: str
    readonly: bool = False
    password: str = field(default="", repr=False)


@dataclass(frozen=True)
class Made:
    """A role that is there: its verifier and the roles of which it is a member."""

    verifier: str | None = field(repr=False)
    groups: frozenset[str]


def plan(owners: Iterable[str], found: Mapping[str, Made], guests: Iterable[Guest], version: int) -> list[tuple[Guest, Change, tuple[str, ...]]]:
    """What differs: the guest, the change to show, and the statements. These hold verifiers."""
    wanted = []
    for guest in guests:
        groups = frozenset({READERS}) if guest.readonly and version >= FIRST_WITH_READERS else frozenset(owners)
        made, name, statements = found.get(guest.role), identifier(guest.role), []
        if made is None:
            statements.append(f"CREATE ROLE {name} LOGIN PASSWORD {literal(scram.verifier(guest.password))}")
        elif not scram.matches(guest.password, made.verifier):
            statements.append(f"ALTER ROLE {name} LOGIN PASSWORD {literal(scram.verifier(guest.password))}")
        lacking = sorted(groups - made.groups) if made else sorted(groups)
        statements += [f"GRANT {identifier(group)} TO {name}" for group in lacking]
        if statements:
            now = {"member_of": sorted(made.groups)} if made else None
            then = {"member_of": sorted(groups | (made.groups if made else frozenset()))}
            wanted.append((guest, Change("postgresql", f"guest {guest.role}", now, then), tuple(statements)))
    return wanted


def differing(endpoint: Endpoint, database: str, guests: Iterable[Guest]) -> list[tuple[Guest, Change, tuple[str, ...]]]:
    """:func:`plan` for what is in the database. Raises EndpointError."""
    guests = list(guests)
    with endpoint.cursor(database) as cursor:
        cursor.execute(OWNERS)
        owners = [name for (name,) in cursor.fetchall()]
        return plan(owners, _found(cursor, guests), guests, cursor.connection.server_version)


def let_in(endpoint: Endpoint, database: str, guests: Iterable[Guest]) -> list[Change]:
    """Make or change roles, then come in as each of them. Raises EndpointError, also where one is not let in."""
    guests = list(guests)
    wanted = differing(endpoint, database, guests)
    with endpoint.cursor(database) as cursor:
        cursor.execute(UNNOTED)
        for __, __, statements in wanted:
            for statement in statements:
                cursor.execute(statement)
    for guest in guests:
        with replace(endpoint, user=guest.role, password=guest.password, system_user="").cursor(database) as cursor:
            cursor.execute("SELECT 1")
    return [change for __, change, __ in wanted]


def there(endpoint: Endpoint, database: str, guests: Iterable[Guest]) -> list[str]:
    """Which of them there are."""
    with endpoint.cursor(database) as cursor:
        return sorted(_found(cursor, guests))


def let_go(endpoint: Endpoint, database: str, guests: Iterable[Guest]) -> list[str]:
    """End their sessions and remove them; those that there were. What one has made is its database's owner's. May be
    repeated. Raises EndpointError."""
    with endpoint.cursor(database) as cursor:
        names = sorted(_found(cursor, guests))
        cursor.execute("SELECT pg_catalog.pg_get_userbyid(datdba)::text FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()")
        owner = cursor.fetchone()[0]
        cursor.execute(UNNOTED)
        for name in names:
            cursor.execute(f"ALTER ROLE {identifier(name)} NOLOGIN")
            cursor.execute(END, (name,))
            cursor.execute(f"REASSIGN OWNED BY {identifier(name)} TO {identifier(owner)}")
            cursor.execute(f"DROP OWNED BY {identifier(name)}")
            cursor.execute(ELSEWHERE, (name,))
            if not cursor.fetchone()[0]:
                # What another database of the server keeps of it goes with that one's turn.
                cursor.execute(f"DROP ROLE {identifier(name)}")
    return names


def known(guests: Iterable[Mapping[str, Any]], passwords: Mapping[str, str]) -> list[Guest]:
    """From ``role``, ``service`` and ``readonly``, and passwords by role. Raises EndpointError for one without a password."""
    guests = list(guests)
    if missing := sorted(each["service"] for each in guests if not passwords.get(each["role"])):
        raise EndpointError(
            f"There is no password for {', '.join(missing)} (postgresql_password in cryptobot_secrets). Make it: "
            "ansible-playbook cryptobot.native.secrets"
        )
    return [Guest(each["role"], bool(each["readonly"]), passwords[each["role"]]) for each in guests]


def _found(cursor: Any, guests: Iterable[Guest]) -> dict[str, Made]:
    cursor.execute(FOUND, ([guest.role for guest in guests],))
    return {name: Made(verifier, frozenset(groups)) for name, verifier, groups in cursor.fetchall()}
