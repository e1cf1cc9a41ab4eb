# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.compare.mapping import (
    OWNER,
    PUBLIC,
    Roles,
    found,
    known_to_both,
    spelled,
)
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.roles_map import roles_map

ROLES = Roles(
    roles_map("auth_owner", {"auth_user": "auth"}, {"auth": "write"}, "auth_user", "boss"),
    {"auth": "write", "door": "connect"},
)


def test_a_login_that_owned_is_an_owner_and_a_grantee():
    rights = [
        ["auth_user", "SELECT", False, "auth_user"],
        ["reader", "SELECT", True, "auth_user"],
        [PUBLIC, "SELECT", False, "auth_user"],
    ]
    assert ROLES.expected("auth_user", rights) == {
        (OWNER, "SELECT", False, OWNER),
        ("reader", "SELECT", True, OWNER),
        (PUBLIC, "SELECT", False, OWNER),
    }
    assert ROLES.expected("boss", [["auth_user", "INSERT", False, "boss"]]) == {("auth", "INSERT", False, OWNER)}


def test_the_targets_rights_are_in_the_same_words():
    assert found("auth_owner", [["auth_owner", "SELECT", False, "auth_owner"]]) == {(OWNER, "SELECT", False, OWNER)}


def test_the_catalogue_adds_what_its_level_says_and_no_more():
    assert ROLES.tolerates("relation", ("auth", "DELETE", False, OWNER))
    assert ROLES.tolerates("database", ("door", "CONNECT", False, OWNER))
    for right in (
        ("auth", "TRUNCATE", False, OWNER),
        ("auth", "DELETE", True, OWNER),
        ("door", "SELECT", False, OWNER),
        ("x", "SELECT", False, OWNER),
    ):
        assert not ROLES.tolerates("relation", right)
    for role in ("auth_migrate", "cryptobot_pgbouncer"):
        assert ROLES.tolerates("database", (role, "CONNECT", False, OWNER))
        assert not ROLES.tolerates("database", (role, "CREATE", False, OWNER))
        assert not ROLES.tolerates("relation", (role, "SELECT", False, OWNER))
    assert not ROLES.tolerates("database", ("x_migrate", "CONNECT", False, OWNER))
    assert not ROLES.tolerates("language", ("auth", "USAGE", False, OWNER))


def test_a_privilege_that_one_side_does_not_know_counts_on_neither():
    right = ("x", "MAINTAIN", False, OWNER)
    assert known_to_both([right], (15, 17)) == set() and known_to_both([right], (17, 17)) == {right}


def test_rights_in_words():
    assert spelled(("x", "SELECT", True, "y")) == "SELECT to x with grant option by y"


def test_native_roles():
    assert {"auth_owner", "auth", "door", "postgres"} == ROLES.native
