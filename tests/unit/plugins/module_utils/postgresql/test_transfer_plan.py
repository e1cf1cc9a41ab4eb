# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What moves, in which parts and format, in which order, and as whose."""

from __future__ import annotations

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql import quoting
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.roles_map import RolesMap, inverse, roles_map
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.transfer import (
    rights,
    roles,
    schedule,
    schema,
    tables,
)
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.transfer.tables import (
    Part,
    Table,
    Type,
    Types,
)

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


# Formats

TYPES = Types(
    {
        20: Type("int8", True, "b"),
        25: Type("text", True, "b"),
        1009: Type("_text", True, "b", 25, True),
        2205: Type("regclass", True, "b"),
        142: Type("xml", True, "b"),
        20000: Type("side", False, "e"),
        20001: Type("_side", False, "b", 20000, True),
        20002: Type("share", False, "d", base=20),
        20003: Type("address", False, "c", relation=500),
        20004: Type("hstore", False, "b", extension="hstore"),
        20005: Type("ranges", False, "r", subtype=20),
        20006: Type("odd", False, "b", sends=False),
        20007: Type("nested", False, "c", relation=501),
    },
    {500: (20, 25), 501: (20, 20003)},
    frozenset({"hstore"}),
)


@pytest.mark.parametrize(
    ("oid", "binary"),
    [
        (20, True), (25, True), (1009, True), (2205, False), (142, False), (20000, True), (20001, False), (20002, True),
        (20003, True), (20004, True), (20005, True), (20006, False), (20007, False), (99, False),
    ],
)  # fmt: skip
def test_binary_where_no_foreign_number_is_inside(oid, binary):
    assert TYPES.binary(oid) is binary


def test_an_extension_of_another_version_goes_as_text():
    assert not Types(TYPES.known, TYPES.members).binary(20004)


# Parts

LARGE = Table(1, "public", "orders", ("id", 'na"me'), True, heap=8192 * 30_000, size=8192 * 40_000)


def test_parts_cover_every_page_once():
    found = tables.parts(LARGE, True)
    assert len(found) == 5
    assert found[0].first == 0 and found[-1].last is None
    assert all(one.last == two.first for one, two in zip(found, found[1:], strict=False))
    assert len({part.name for part in found}) == 5


def test_small_tables_and_old_servers_have_one_part():
    assert tables.parts(LARGE, False) == [Part(LARGE, size=LARGE.size)]
    assert tables.parts(Table(1, "s", "t", (), True, 8192, 8192), True)[0].whole


def test_statements_quote_and_leave_nothing_to_the_order_of_columns():
    part = tables.parts(LARGE, True)[1]
    assert part.read() == (
        'COPY (SELECT "id", "na""me" FROM ONLY "public"."orders" WHERE ctid >= \'(6000,0)\' AND ctid < \'(12000,0)\') '
        "TO STDOUT (FORMAT binary)"
    )
    assert part.write() == 'COPY "public"."orders" ("id", "na""me") FROM STDIN (FORMAT binary)'


def test_a_table_without_columns_has_rows_all_the_same():
    part = Part(Table(1, "s", "t", (), False))
    assert part.read() == 'COPY "s"."t" TO STDOUT'
    assert part.write() == 'COPY "s"."t" FROM STDIN'


@pytest.mark.parametrize(
    ("strategy", "keys", "kinds", "collations", "same", "moved"),
    [
        ("r", [1], [25], ["default"], True, False),
        ("r", [1], [25], ["default"], False, True),
        ("r", [1], [25], ["C"], False, False),
        ("r", [1], [20], [""], False, False),
        ("l", [1], [25], ["default"], False, False),
        ("h", [1], [20], [""], True, False),
        ("h", [1], [20000], [""], True, True),
        ("h", [0], [None], [""], True, True),
    ],
)
def test_rows_go_through_the_root_where_they_may_belong_elsewhere(strategy, keys, kinds, collations, same, moved):
    found = tables.through_root([(7, "s", "tree", strategy, keys, kinds, collations, 7)], TYPES, same)
    assert found == ({7: ("s", "tree")} if moved else {})


# Definitions

LISTED = b"; Archive\n10; 1259 500 TABLE public t -\n"
SCRIPT = b"""--
-- PostgreSQL database dump
--

\\restrict x

SET statement_timeout = 0;

--
-- TOC entry 10 (class 2606 OID 501)
-- Dependencies: 3 4
-- Name: t t_pkey; Type: CONSTRAINT; Schema: public; Owner: -
-- Data Pos: 0
--

ALTER TABLE ONLY public.t
    ADD CONSTRAINT t_pkey PRIMARY KEY (id);


--
-- TOC entry 11 (class 1255 OID 502)
-- Name: f(); Type: FUNCTION; Schema: public; Owner: -
-- Data Pos: 0
--

CREATE FUNCTION public.f() RETURNS text LANGUAGE sql AS '
--
-- TOC entry 12 (class 1255 OID 999)
-- Name: trap; Type: FUNCTION; Schema: public; Owner: -
--
SELECT 1';


--
-- TOC entry 12 (class 3466 OID 503)
-- Name: EVENT TRIGGER e; Type: COMMENT; Schema: -; Owner: -
-- Data Pos: 0
--

COMMENT ON EVENT TRIGGER e IS 'x';


-- Completed on 2030-01-01 00:00:00 UTC

--
-- PostgreSQL database dump complete
--

\\unrestrict x
"""
NUMBERS = b"10; 2606 501 CONSTRAINT\n11; 1255 502 FUNCTION\n12; 3466 503 COMMENT\n"


def test_a_script_is_cut_where_its_entries_begin():
    one, two, three = schema.split(NUMBERS, SCRIPT, schema.POST)
    assert one.text.startswith(b"ALTER TABLE ONLY") and one.text.endswith(b"(id);")
    assert one.depends == (3, 4) and one.kind == schema.CONSTRAINT
    assert two.text.endswith(b"SELECT 1';") and b"trap" in two.text
    assert three.text == b"COMMENT ON EVENT TRIGGER e IS 'x';" and three.on_event_trigger


def entry(number, kind, depends=(), table=0, oid=0, section=schema.POST, name="x"):
    return schema.Entry(number, table, oid, kind, "public", name, tuple(depends), b"SELECT 1", section)


ENTRIES = [
    entry(1, "TABLE", table=schedule.PG_CLASS, oid=100, section=schema.PRE),
    entry(2, "TABLE", table=schedule.PG_CLASS, oid=200, section=schema.PRE),
    entry(3, "CONSTRAINT", [1]),
    entry(4, "INDEX", [1]),
    entry(5, "INDEX", [2]),
    entry(6, "VIEW", [3]),
    entry(7, "FK CONSTRAINT", [2, 3]),
    entry(8, "COMMENT", [7]),
    entry(9, "EVENT TRIGGER"),
    entry(10, "POLICY", [1]),
    entry(11, "INDEX", [1, 6]),
]


def test_what_waits_for_what():
    found = schedule.phases(ENTRIES)
    assert [each.number for each in found.indexes] == [3, 4, 5]
    assert [each.number for each in found.quick] == [6, 11]
    assert [each.number for each in found.foreign_keys] == [7]
    assert [each.number for each in found.late] == [8]
    assert [each.number for each in found.last] == [9]


def test_an_index_waits_for_its_own_table_and_a_key_is_alone_on_it():
    one, two = Table(100, "public", "one", ("a",), True, size=10), Table(200, "public", "two", ("a",), True, size=5)
    parts = [Part(one, 0, 5), Part(one, 5, None), Part(two)]
    work = {each.item.number: each for each in schedule.definitions(schedule.phases(ENTRIES).indexes, ENTRIES, parts)}
    assert work[4].after == {parts[0].name, parts[1].name}
    assert work[3].locks == {100} and work[4].shares == {100} and work[5].shares == {200}
    keys = schedule.definitions(schedule.phases(ENTRIES).foreign_keys, ENTRIES, parts)
    assert keys[0].locks == {100, 200}


def test_all_is_done_once_and_in_an_order_that_holds():
    one, two = Table(100, "public", "one", ("a",), True, size=10), Table(200, "public", "two", ("a",), True, size=5)
    parts = [Part(one, 0, 5), Part(one, 5, None), Part(two)]
    work = schedule.copies(parts) + schedule.definitions(schedule.phases(ENTRIES).indexes, ENTRIES, parts)
    order = []
    board = schedule.Board(work, {parts[0].name})
    schedule.run(board, [1, 2, 3], lambda worker, each: order.append(each), lambda: None)
    names = [each.name for each in order]
    assert sorted(names) == sorted(each.name for each in work if each.name != parts[0].name)
    assert all(names.index(need) < names.index(each.name) for each in order for need in each.after if need in names)


def test_the_first_failure_ends_the_others_and_is_told():
    stopped = []

    def do(worker, each):
        raise ValueError(each.name)

    board = schedule.Board([schedule.Work("a", "a"), schedule.Work("b", "b", frozenset({"a"}))], set())
    with pytest.raises(ValueError, match="a"):
        schedule.run(board, [1, 2], do, lambda: stopped.append(1))
    assert stopped == [1]


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
