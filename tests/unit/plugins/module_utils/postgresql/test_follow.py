# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.fence import travel
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.follow import (
    keys,
    publisher,
    subscriber,
    watch,
)

TABLE = keys.Table(1, "public", "orders", False, "d", False, None, ("text", "integer"))

LIST = """;
; Archive created at 2030-01-01
7; 2615 16400 SCHEMA - migration migration_controller
3300; 0 0 COMMENT - SCHEMA migration migration_controller
212; 1259 16401 TABLE migration fence migration_controller
3400; 0 16401 TABLE DATA migration fence migration_controller
230; 1255 16410 FUNCTION migration refuse_write() migration_controller
213; 1259 16402 TABLE public orders app
3401; 0 16402 TABLE DATA public orders app
3200; 2620 16420 TRIGGER public orders zz_migration_fence app
3201; 2620 16421 TRIGGER public orders touched app
3210; 3466 16422 EVENT TRIGGER - zz_migration_ddl migration_controller
3211; 3466 16423 EVENT TRIGGER - audit postgres
3220; 6104 16424 PUBLICATION - migration_follow migration_controller
3221; 6106 16425 PUBLICATION TABLE public migration_follow orders migration_controller
3222; 6104 16426 PUBLICATION - mine app
3230; 0 0 ACL pg_catalog FUNCTION lo_create(oid) postgres
3231; 0 0 ACL public TABLE orders app
214; 1259 16403 TABLE public migration app""".splitlines()


def test_entries_of_the_fence():
    assert travel.left_out(LIST) == {7, 3300, 212, 3400, 230, 3200, 3210, 3220, 3221, 3230}


def test_own_schema_of_that_name():
    assert travel.left_out([line for line in LIST if "refuse_write" not in line]) == set()


def test_roles_of_a_migration_are_not_saved():
    script = (
        b"CREATE ROLE migration_controller;\nALTER ROLE migration_follower_shop WITH LOGIN;\nCREATE ROLE "
        b"app;\nCREATE ROLE migration_other;"
    )
    assert travel.roles_of_others(script) == b"CREATE ROLE app;\nCREATE ROLE migration_other;"


@pytest.mark.parametrize(
    ("kind", "name", "stays"),
    [
        ("trigger", "zz_migration_fence on public.orders", True),
        ("trigger", "touched on public.orders", False),
        ("event trigger", "zz_migration_drop", True),
        ("role", "migration_controller", True),
        ("role", "migration_follower_auth", True),
        ("role", "migration_controllers", False),
        ("subscription", "migration_follow_auth_native", True),
        ("relation", "migration.alembic", False),
    ],
)
def test_what_a_comparison_leaves_out(kind, name, stays):
    assert travel.stays(kind, name) is stays


@pytest.mark.parametrize(
    ("table", "statement"),
    [
        (replace(TABLE, index="orders_id"), 'ALTER TABLE "public"."orders" REPLICA IDENTITY USING INDEX "orders_id"'),
        (TABLE, 'ALTER TABLE "public"."orders" REPLICA IDENTITY FULL'),
        (replace(TABLE, identified=True), None),
        (replace(TABLE, unlogged=True), None),
    ],
)
def test_keys(table, statement):
    changes, refused = keys.plan([table], {"json"})
    assert list(changes.values()) == ([statement] if statement else []) and refused == []


def test_table_that_can_not_be_followed():
    odd = replace(TABLE, types=("json", "point", "text"))
    changes, refused = keys.plan([odd, replace(odd, name="keyed", index="k")], {"json", "point"})
    assert [table.name for table in changes] == ["keyed"]
    assert refused[0].startswith(
        "public.orders has neither a usable key nor only columns that can be compared (json, point)"
    )


def test_names_fit():
    assert publisher.name_of("Trade-Books", "native") == "migration_follow_trade_books_native"
    assert len(publisher.name_of("x" * 80, "native")) == 63


def test_password_with_quotes():
    assert subscriber.conninfo({"user": "a", "password": "it's a \\"}) == "user='a' password='it\\'s a \\\\'"


def test_obstacles():
    changes = watch.Changes(
        (("ALTER TABLE", "public.orders", "ALTER TABLE orders ADD c int"),), True, ("public.scratch",)
    )
    text = " ".join(changes.sentences())
    assert (
        "ALTER TABLE public.orders was done here since the copy and is not on the other side: ALTER TABLE "
        "orders ADD c int." in text
    )
    assert "Large objects were written to" in text and "public.scratch" in text
    assert watch.Changes().sentences() == []
