# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import dataclasses

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql import scram
from ansible_collections.cryptobot.native.plugins.module_utils.changes import as_diff, summaries
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.objects import (
    Database,
    Found,
    FoundDatabase,
    POOLER_LOOKUP,
    PUBLIC,
    Role,
    lasting,
    plan,
)

ROLES = [
    Role("auth_owner", login=False),
    Role("auth", connection_limit=40),
    Role("auth_migrate", member_of=frozenset({"auth_owner"}), settings={"auth": {"role": "auth_owner"}}),
]
AUTH = Database("auth", "auth_owner", {"auth": "write", "auth_migrate": "connect"})
CONNECT = frozenset({"CONNECT"})
COMPLETE = FoundDatabase(
    "auth_owner",
    {"auth": CONNECT, "auth_migrate": CONNECT, "auth_owner": frozenset({"CONNECT", "CREATE", "TEMPORARY"})},
    {"public": {"auth": frozenset({"USAGE"})}},
    {
        "TABLES": {"auth": frozenset({"SELECT", "INSERT", "UPDATE", "DELETE"})},
        "SEQUENCES": {"auth": frozenset({"USAGE", "SELECT", "UPDATE"})},
        "FUNCTIONS": {"auth": frozenset({"EXECUTE"})},
        "SCHEMAS": {"auth": frozenset({"USAGE"})},
    },
)
THERE = Found({role.name: role for role in ROLES}, {"auth": COMPLETE})


def with_database(**changes) -> Found:
    return Found(THERE.roles, {"auth": dataclasses.replace(COMPLETE, **changes)})


def with_role(role: Role) -> Found:
    return Found({**THERE.roles, role.name: role}, THERE.databases)


def statements(found: Found, database: Database = AUTH, passwords: dict[str, str] | None = None) -> list[str]:
    changes = plan(ROLES, [database], passwords or {}, found)
    return [each.text.format(**each.names) for change in changes for each in change.statements]


def test_a_bare_server_gets_roles_before_databases_and_databases_before_rights():
    texts = statements(Found())
    order = ["CREATE ROLE auth_owner NOLOGIN", "GRANT auth_owner TO auth_migrate", "CREATE DATABASE auth", "REVOKE CONNECT", "ALTER DEFAULT"]
    places = [next(index for index, text in enumerate(texts) if text.startswith(start)) for start in order]
    assert places == sorted(places)
    assert texts[-1] == "ALTER ROLE auth_migrate IN DATABASE auth SET role = %s"


def test_what_is_as_wanted_stays():
    assert plan(ROLES, [AUTH], {}, THERE) == []


def test_public_loses_what_it_has():
    found = with_database(grants={**COMPLETE.grants, PUBLIC: frozenset({"CONNECT", "TEMPORARY"})})
    assert statements(found) == ["REVOKE CONNECT, TEMPORARY ON DATABASE auth FROM PUBLIC"]


def test_who_is_not_ours_keeps_what_they_have():
    assert statements(with_database(grants={**COMPLETE.grants, "reporting_tool": CONNECT})) == []


def test_our_role_loses_what_it_should_not_have():
    found = with_database(schema_grants={"public": {"auth": frozenset({"USAGE", "CREATE"})}})
    assert statements(found) == ["REVOKE CREATE ON SCHEMA public FROM auth"]


def test_a_service_that_only_reads_gets_no_more():
    database = dataclasses.replace(AUTH, access={"auth": "read"})
    texts = " ".join(statements(Found(), database))
    assert "GRANT SELECT ON TABLES" in texts and "INSERT" not in texts


def test_a_schema_that_came_later_is_opened_to_the_service():
    found = with_database(schema_grants={**COMPLETE.schema_grants, "ledger": {}})
    assert statements(found) == ["GRANT USAGE ON SCHEMA ledger TO auth"]


def test_objects_made_before_a_role_came_are_opened_to_it():
    found = with_database(lacking={"auth": frozenset({("public", "SEQUENCES")})})
    assert statements(found) == ["GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA public TO auth"]


def test_powers_of_a_role_that_was_there_are_taken():
    found = with_role(Role("auth", connection_limit=40, powers=frozenset({"SUPERUSER", "CREATEDB"})))
    assert statements(found) == ["ALTER ROLE auth LOGIN CONNECTION LIMIT 40 NOCREATEDB NOSUPERUSER"]


def test_a_password_is_set_once_and_never_shown():
    (change,) = plan(ROLES, [AUTH], {"auth": "canary-in-a-coal-mine"}, THERE)
    (verifier,) = change.statements[0].values
    assert verifier.startswith("SCRAM-SHA-256$4096:") and scram.matches("canary-in-a-coal-mine", verifier)
    shown = " ".join([change.title, *as_diff([change], "x").values(), change.statements[0].text])
    assert "canary" not in shown and "SCRAM" not in shown
    again = with_role(dataclasses.replace(ROLES[1], verifier=verifier))
    assert statements(again, passwords={"auth": "canary-in-a-coal-mine"}) == []
    assert len(statements(again, passwords={"auth": "another"})) == 1


MADE_BY_POSTGRESQL_15 = (
    "SCRAM-SHA-256$4096:/nE9FIvGKwE6Jt16GaXJlg==$WScjzrDHtpBaN7BH"
    "/WJrOqV8o/E7Dc8eMURFavphPbs=:KWVPcQkwgFR66nyhC0ynzbIdnX/nS1N7V/M29XDq+/4="
)
"""Of the password ``pencil``."""


def test_a_verifier_is_the_one_of_postgresql():
    assert scram.matches("pencil", MADE_BY_POSTGRESQL_15) and not scram.matches("pencils", MADE_BY_POSTGRESQL_15)
    assert scram.matches("pencil", scram.verifier("pencil"))


@pytest.mark.parametrize("stored", [None, "", "md5aaaa", "SCRAM-SHA-256$x"])
def test_anything_else_stored_is_replaced(stored):
    assert not scram.matches("pencil", stored)


def test_a_pooler_gets_its_lookup_once():
    database = dataclasses.replace(AUTH, pooler="pooler")
    assert any("SECURITY DEFINER" in text for text in statements(THERE, database))
    assert statements(with_database(lookup=POOLER_LOOKUP), database) == []


def test_names_are_never_part_of_the_text():
    hostile = 'a"; DROP DATABASE auth; --'
    changes = plan([Role(hostile)], [Database(hostile, hostile, {hostile: "write"})], {}, Found())
    assert all(hostile not in statement.text for change in changes for statement in change.statements)


def test_an_owner_that_differs_is_named():
    changes = plan(ROLES, [AUTH], {}, with_database(owner="postgres"))
    assert summaries(changes) == ["postgresql owner of database auth"]
    assert (changes[0].was, changes[0].is_) == ("postgres", "auth_owner")


def test_what_a_new_database_gives_to_everybody_for_a_moment_is_no_lasting_change():
    new, there = plan(ROLES, [AUTH], {}, Found()), plan(ROLES, [AUTH], {}, with_database(grants={**COMPLETE.grants, "PUBLIC": CONNECT}))
    assert {change.title for change in new} - {change.title for change in lasting(new)} == {
        "postgresql rights of PUBLIC on database auth",
        "postgresql rights of PUBLIC on schema auth.public",
    }
    assert lasting(there) == there
