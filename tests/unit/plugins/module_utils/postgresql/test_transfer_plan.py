# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What moves, in which parts and format, and in which order."""

from __future__ import annotations

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.transfer import (
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


def test_a_foreign_key_of_plain_tables_waits_for_these_alone():
    one, two = Table(100, "public", "one", ("a",), True), Table(200, "public", "two", ("a",), True)
    found = schedule.phases(ENTRIES)
    assert schedule.early_keys(found, ENTRIES, [Part(one), Part(two)]) == found.foreign_keys
    work = schedule.definitions((*found.indexes, *found.foreign_keys), ENTRIES, [Part(one), Part(two)])
    key = next(each for each in work if each.item.number == 7)
    assert key.after == {Part(two).name, "3 CONSTRAINT public.x"} and key.locks == {100, 200}


def test_a_foreign_key_of_a_partitioned_table_or_behind_a_view_comes_last():
    one, two = Table(100, "public", "one", ("a",), True), Table(200, "public", "two", ("a",), True)
    found = schedule.phases(ENTRIES)
    assert schedule.early_keys(found, ENTRIES, [Part(two)]) == ()
    through = Table(100, "public", "one", ("a",), True, into=("public", "root"))
    assert schedule.early_keys(found, ENTRIES, [Part(through), Part(two)]) == ()
    behind = [*ENTRIES, entry(12, "FK CONSTRAINT", [2, 11])]
    found = schedule.phases(behind)
    assert [each.number for each in schedule.early_keys(found, behind, [Part(one), Part(two)])] == [7]


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
