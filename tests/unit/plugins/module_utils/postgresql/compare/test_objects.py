# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.compare import objects
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.compare.mapping import Roles
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.roles_map import roles_map

ROLES = Roles(roles_map("auth_owner", {"auth_user": "auth"}, None, "auth_user", "postgres"), {"auth": "write"})


def side(**kinds) -> dict:
    return {"relation": {}, "role": {}, **kinds}


def compared(source: dict, target: dict, majors=(15, 17), roles: Roles = ROLES) -> objects.Report:
    return objects.compare(source, target, majors, roles, "auth")


def relation(owner: str, **more) -> dict:
    return {"owner": owner, "rights": [[owner, "SELECT", False, owner]], **more}


def role(name: str, **more) -> dict:
    return {"role": name, "bootstrap": False, "used": True, "superuser": False, "login": True, **more}


def test_owners_are_compared_under_the_map():
    source = side(relation={"t": relation("auth_user")})
    assert compared(source, side(relation={"t": relation("auth_owner")})).differences == []
    (found,) = compared(source, side(relation={"t": relation("auth")})).differences
    assert (found.kind, found.object, found.columns) == ("relation", "t", ("owner",))
    assert found.source == {"owner": "auth_owner"} and found.target == {"owner": "auth"}


def test_a_missing_table_is_named_once():
    source = side(
        relation={"t": relation("auth_user")},
        column={"t.id": {"of": "t", "type": "integer"}},
        trigger={"x on t": {"enabled": "O"}},
    )
    (found,) = compared(source, side()).differences
    assert found.text == "relation t is on the source only"


def test_the_comment_of_a_missing_object_goes_with_it():
    source = side(function={"f()": {}}, comment={"function f()": {"comment": "x"}, "function g()": {"comment": "y"}})
    assert [each.object for each in compared(source, side()).differences] == ["f()", "function g()"]


def test_what_is_granted_to_a_migrations_own_role_stays_where_that_is():
    """As whoever follows reads."""
    follower = ["migration_follower_auth", "CONNECT", False, "auth_user"]
    source = side(relation={"t": relation("auth_user") | {"rights": [follower]}})
    target = side(relation={"t": relation("auth_owner") | {"rights": []}})
    assert compared(source, target).differences == []
    reader = side(relation={"t": relation("auth_user") | {"rights": [["reader", "CONNECT", False, "auth_user"]]}})
    assert compared(reader, target).differences != []


def test_a_lost_and_an_added_right_are_spelt_out():
    source = side(relation={"t": relation("auth_user") | {"rights": [["reader", "SELECT", False, "auth_user"]]}})
    target = side(
        relation={
            "t": relation("auth_owner")
            | {"rights": [["other", "DELETE", False, "auth_owner"], ["auth", "INSERT", False, "auth_owner"]]}
        }
    )
    (found,) = compared(source, target).differences
    assert found.source == {"rights": ["SELECT to reader"]} and found.target == {"rights": ["DELETE to other"]}
    assert "lost SELECT to reader; added DELETE to other" in found.text


def test_what_the_catalogue_takes_from_public_is_intended():
    source = side(schema={"public": {"owner": "postgres", "rights": [["PUBLIC", "USAGE", False, "postgres"]]}})
    found = compared(source, side(schema={"public": {"owner": "postgres", "rights": []}}))
    assert found.differences == [] and found.intended[0].object == "public"


def test_secrets_are_digests():
    options = [{"role": "PUBLIC", "secret_options": [f"password={word}"]} for word in ("opensesame", "two")]
    (found,) = compared(*(side(**{"user mapping": {"s for {role}": each}}) for each in options)).differences
    assert "opensesame" not in str(found.as_dict()) and found.columns == ("secret_options",)


def test_superuser_is_dropped_by_intention_but_never_given():
    one, other = (side(role={"dba": role("dba", superuser=value)}) for value in (True, False))
    assert [each.columns for each in compared(one, other).intended] == [("superuser",)]
    assert [each.columns for each in compared(other, one).differences] == [("superuser",)]


def test_on_the_way_back_the_old_servers_own_superusers_are_meant():
    one, other = (side(role={"dba": role("dba", superuser=value)}) for value in (False, True))
    back = Roles(ROLES.map, {}, back=True)
    assert compared(one, other, roles=back).differences == []


def test_roles_of_the_map_are_the_catalogues():
    assert compared(side(role={"auth_user": role("auth_user")}), side()).differences == []


def test_a_role_that_nothing_uses_is_a_note():
    assert compared(side(role={"idle": role("idle", used=False)}), side()).notes == [
        "role idle is on the source only; nothing in this database refers to it"
    ]
    assert compared(side(role={"busy": role("busy")}), side()).differences != []


def test_settings_follow_the_login():
    source = side(
        role={"auth_user": role("auth_user")}, setting={"of {role}: work_mem": {"role": "auth_user", "value": "1MB"}}
    )
    target = side(
        setting={
            "of {role}: work_mem": {"role": "auth", "value": "1MB"},
            "of {role}: role": {"role": "auth", "value": "auth_owner"},
        }
    )
    found = compared(source, target)
    assert found.differences == [] and [each.object for each in found.intended] == ["of auth: role"]


@pytest.mark.parametrize(("majors", "meant"), [((14, 17), True), ((15, 17), False)])
def test_the_owner_of_schema_public_since_15(majors, meant):
    one, other = ({"owner": owner, "rights": []} for owner in ("postgres", "pg_database_owner"))
    found = compared(side(schema={"public": one}), side(schema={"public": other}), majors)
    assert bool(found.intended) is meant and bool(found.differences) is not meant


def test_what_the_collection_keeps_for_itself_is_intended():
    found = compared(side(), side(schema={"cryptobot_pooler": {"owner": "postgres", "rights": []}}))
    assert found.differences == [] and found.intended[0].object == "cryptobot_pooler"
    assert compared(side(), side(schema={"other": {"owner": "postgres", "rights": []}})).differences != []


def test_what_the_collection_keeps_for_itself_does_not_go_back():
    native = side(schema={"cryptobot_pooler": {"owner": "postgres", "rights": []}})
    assert compared(native, side(), roles=replace(ROLES, back=True)).differences == []
    assert compared(native, side()).differences != []


def test_default_privileges_that_one_side_never_set_are_none():
    given = {"role": "auth_user", "rights": [["reader", "SELECT", False, "auth_user"]], "revoked": []}
    (found,) = compared(side(**{"default privileges": {"tables of {role}": given}}), side()).differences
    assert (found.object, found.columns) == ("tables of auth_owner", ("rights",))
