# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""As whose what moves arrives: owners, rights, roles of the server."""

from __future__ import annotations

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql import quoting
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.roles_map import RolesMap, inverse, roles_map
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.transfer import rights, roles

MAP = roles_map("auth_owner", None, {"auth": "write", "report": "read"}, "auth_user")


# Roles


def test_a_login_owns_as_the_owner_and_is_granted_as_the_service():
    assert MAP.as_owner("auth_user") == "auth_owner"
    assert MAP.as_grantee("auth_user") == ("auth",)
    assert MAP.as_grantee("auth_user", owner="auth_user") == ("auth_owner",)
    assert MAP.as_owner("reader") == "reader"
    assert MAP.as_grantee("PUBLIC") == ("PUBLIC",)


def test_superusers_of_the_source_become_the_administrator():
    mapping = roles_map("auth_owner", None, {"auth": "write"}, "auth_user", "cryptobot")
    assert mapping.as_owner("cryptobot") == "postgres"
    assert mapping.as_owner("auth_user", "event trigger") == "postgres"
    assert not mapping.is_carried("cryptobot") and not mapping.is_carried("auth_user") and mapping.is_carried("reader")


def test_who_owns_the_database_as_superuser_is_its_login_too():
    mapping = roles_map("auth_owner", None, {"auth": "write"}, "cryptobot", "cryptobot")
    assert mapping.as_owner("cryptobot") == "auth_owner"


def test_a_login_of_several_services_stands_for_all_that_write():
    mapping = roles_map("trading_owner", None, {"orchestrator": "write", "trading_api": "write"}, "trading_user")
    assert mapping.as_grantee("trading_user") == ("orchestrator", "trading_api")


def test_the_way_back_is_the_inverse():
    back = inverse(MAP, "auth_user")
    assert back.as_owner("auth_owner") == "auth_user"
    assert back.as_grantee("auth", owner="auth_owner") == ("auth_user",)
    assert back.as_grantee("reader") == ("reader",)


# Rights


def owned(identity, owner="auth_user", granted=(), **more):
    given = {
        "type": "table",
        "column": "",
        "more": "",
        "kind": "r",
        "fixed": False,
        "explicit": bool(granted),
        "init": frozenset(),
    }
    return rights.Object(identity=identity, owner=owner, rights=frozenset(granted), **{**given, **more})


OWN = {("auth_user", "auth_user", each, False) for each in ("SELECT", "INSERT")}
FRESH = owned(
    "public.t", "postgres", {("postgres", "postgres", each, False) for each in ("SELECT", "INSERT", "MAINTAIN")}
)
NATIVE = {("auth_owner", "auth_owner", each, False) for each in ("SELECT", "INSERT", "MAINTAIN")}


def test_owners_are_the_native_ones():
    found = list(rights.owners([owned("public.t")], [FRESH], MAP))
    assert [each.text for each in found] == ['ALTER TABLE public.t OWNER TO "auth_owner"']
    assert not list(rights.owners([owned("public.t")], [owned("public.t", "auth_owner")], MAP))
    function = owned("public.f(text)", type="function", kind="f")
    there = owned("public.f(text)", "postgres", type="function", kind="f")
    assert next(rights.owners([function], [there], MAP)).text == 'ALTER ROUTINE public.f(text) OWNER TO "auth_owner"'


def test_rights_are_given_under_the_map_and_passed_on_by_who_may():
    source = owned(
        "public.t",
        granted=OWN
        | {
            ("auth_user", "reader", "SELECT", True),
            ("reader", "PUBLIC", "SELECT", False),
            ("auth_user", "other", "INSERT", False),
        },
    )
    there = owned("public.t", "auth_owner", NATIVE)
    found = [(each.text, each.role) for each in rights.grants([source], [there], MAP, 170000)]
    assert found == [
        ('GRANT SELECT ON TABLE public.t TO "reader" WITH GRANT OPTION', ""),
        ('GRANT INSERT ON TABLE public.t TO "other"', ""),
        ("GRANT SELECT ON TABLE public.t TO PUBLIC", "reader"),
    ]


def test_a_right_that_the_owner_gave_up_is_taken():
    source = owned("public.t", granted={("auth_user", "auth_user", "SELECT", False)})
    found = [each.text for each in rights.grants([source], [owned("public.t", "auth_owner", NATIVE)], MAP, 170000)]
    assert found == ['REVOKE INSERT ON TABLE public.t FROM "auth_owner"']


def test_rights_of_columns_name_the_column():
    source = owned(
        "public.t", granted={("auth_user", "reader", "UPDATE", False)}, column='e"mail', kind="c", more="column"
    )
    found = [each.text for each in rights.grants([source], [], MAP, 150000)]
    assert found == ['GRANT UPDATE ("e""mail") ON TABLE public.t TO "reader"']


def test_of_the_system_only_what_was_changed():
    born = frozenset({("postgres", "postgres", "EXECUTE", False), ("postgres", "PUBLIC", "EXECUTE", False)})
    source = owned(
        "pg_catalog.f()",
        "postgres",
        {*born, ("postgres", "reader", "EXECUTE", False)},
        type="function",
        kind="f",
        fixed=True,
        init=born,
    )
    found = [each.text for each in rights.grants([source], [], MAP, 150000)]
    assert found == ['GRANT EXECUTE ON ROUTINE pg_catalog.f() TO "reader"']


# Roles of the server


def role(name, **more):
    given = dict(
        inherit=True,
        create_role=False,
        create_database=False,
        login=True,
        replication=False,
        bypass_rls=False,
        limit=-1,
    )
    return roles.Role(
        name, **{**given, "until": None, "verifier": "SCRAM-SHA-256$x", "comment": None, "superuser": False, **more}
    )


def found(*known, members=None, settings=None, superuser="postgres", version=150000):
    return roles.Found(
        {each.name: each for each in known}, members or {}, settings or {}, frozenset(), superuser, version
    )


def test_unknown_roles_are_carried_with_their_verifier_and_never_as_superusers():
    source = found(
        role("reader"), role("admin", superuser=True), role("auth_user"), role("postgres"), role("pg_monitor")
    )
    changes = {each.title: each.text for each in roles.plan(source, found(role("postgres")), [MAP])}
    assert set(changes) == {"role reader", "role admin"}
    assert "PASSWORD 'SCRAM-SHA-256$x'" in changes["role reader"]
    assert "SUPERUSER" not in changes["role admin"]


def test_memberships_follow_the_map_and_settings_too():
    members = {("readers", "auth_user"): {"admin_option": True}}
    source = found(role("readers"), members=members, settings={"auth_user": {"search_path": '"$user", public'}})
    texts = [each.text for each in roles.plan(source, found(role("readers")), [MAP])]
    assert texts == [
        'GRANT "readers" TO "auth" WITH ADMIN OPTION',
        "ALTER ROLE \"auth\" SET \"search_path\" = '$user', 'public'",
    ]


def test_a_second_run_changes_nothing():
    members = {("readers", "auth"): {"admin_option": True}}
    source = found(role("readers"), members={("readers", "auth_user"): {"admin_option": True}})
    assert not list(roles.plan(source, found(role("readers"), members=members), [MAP]))


def test_a_verifier_is_not_shown():
    assert "SCRAM" not in repr(role("reader"))
    assert "SCRAM" not in repr(next(roles.plan(found(role("reader")), found(), [MAP])))


@pytest.mark.parametrize(
    ("value", "names"),
    [('"$user", public', ["$user", "public"]), ('"a,b", "c""d"', ["a,b", 'c"d']), ("", []), ("x", ["x"])],
)
def test_lists_of_names_are_taken_apart(value, names):
    assert roles.elements(value) == names


def test_texts_and_names_are_quoted():
    assert quoting.identifier('a"b') == '"a""b"'
    assert quoting.literal("it's") == "'it''s'"
    assert quoting.literal("a\\b") == " E'a\\\\b'"
    assert RolesMap("o").as_owner("x") == "x"
