# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import time

from ansible_collections.cryptobot.native.plugins.module_utils.redis.canonical import (
    Record,
    _parts,
    _ranked,
    _text,
    _unordered,
    score,
)
from ansible_collections.cryptobot.native.plugins.module_utils.redis.compare import Comparison, Wish
from ansible_collections.cryptobot.native.plugins.module_utils.redis.detail import shown
from ansible_collections.cryptobot.native.plugins.module_utils.redis.endpoint import Endpoint
from ansible_collections.cryptobot.native.plugins.module_utils.redis.facts import _writes
from ansible_collections.cryptobot.native.plugins.module_utils.redis.pages import typed
from ansible_collections.cryptobot.native.plugins.module_utils.redis.streams import after, order
from ansible_collections.cryptobot.native.plugins.module_utils.redis.sweep import FEWEST, PAGE, ROOM, _next_count


def test_order_plays_no_part_and_equal_ones_do_not_cancel():
    assert _unordered([[b"a", b"b"], [b"c"]]) == _unordered([[b"c", b"a"], [b"b"]])
    assert _unordered([[b"a", b"b"]]) != _unordered([[b"a", b"b", b"c", b"c"]])


def test_what_is_read_whole_has_the_digest_of_what_is_read_piece_by_piece():
    assert _text([b"abcdef"]) == _text([b"abc", b"def"])
    assert _text([b"HYLL\1\1\1\1cachedctregisters"]) == _text([b"HYLL\1\1\1\1anothertregisters"])
    assert _ranked([[b"a", b"b", b"c"]]) == _ranked([[b"a"], [b"b", b"c"]]) != _ranked([[b"a", b"bc"]])


def test_a_field_is_no_part_of_its_value():
    assert _parts([b"a", b"bc"], 2) != _parts([b"ab", b"c"], 2)
    assert _parts([b"a", b"b:5"], 2) != [part + b":5" for part in _parts([b"a", b"b"], 2)]


def test_pages_get_smaller_where_values_are_large():
    assert _next_count(PAGE, 0) == PAGE
    assert _next_count(PAGE, ROOM) == PAGE // 2
    assert _next_count(PAGE, 100 * ROOM) == FEWEST
    assert _next_count(FEWEST, 10) == 2 * FEWEST


def what(source: Record, target: Record) -> list[str]:
    end = Endpoint()
    return Comparison(end, end, Wish("redis"))._what(source, target)


def test_what_differs_is_told_by_its_word():
    value = Record("string", -1, "a")
    assert what(value, value) == []
    assert what(value, Record("string", -1, "b")) == ["value"]
    assert what(value, Record("list", -1, "b")) == ["type"]
    assert what(value, Record("none", -2, "")) == ["missing"]
    assert what(Record("none", -2, ""), value) == ["added"]
    assert what(value, Record("string", 4_000_000_000_000, "a")) == ["expiry"]


def test_expiry_has_a_tolerance_and_what_just_expired_is_no_difference():
    soon = int(time.time() * 1000) + 500
    assert what(Record("string", soon, "a"), Record("none", -2, "")) == []
    assert what(Record("string", 10**13, "a"), Record("string", 10**13 + 900, "a")) == []
    assert what(Record("string", 10**13, "a"), Record("string", 10**13 + 1100, "a")) == ["expiry"]


def test_scores_of_all_ages_read_alike():
    assert score(b"1.1") == score(b"1.1000000000000001") == b"1.1000000000000001"
    assert (score(b"inf"), score(b"-inf"), score(b"3")) == (b"inf", b"-inf", b"3")


def test_ids_of_streams_come_in_their_order():
    assert sorted([b"10-1", b"9-5", b"10-0"], key=order) == [b"9-5", b"10-0", b"10-1"]
    assert after(b"5-1") == b"5-2"
    assert after(b"5-%d" % (2**64 - 1)) == b"6-0"


def test_a_key_is_removed_before_its_members_are_added():
    requests = typed(b"k", b"zset", 5, [b"a", b"1.5"])
    assert [request.split(b"\r\n")[2] for request in requests] == [b"DEL", b"ZADD", b"PEXPIREAT"]
    assert requests[1].endswith(b"$3\r\n1.5\r\n$1\r\na\r\n")
    assert typed(b"k", b"string", -1, [None]) == []


def test_names_are_shown_as_text():
    assert shown("schlüssel".encode()) == "schlüssel"
    assert shown(b"a\nb\xff") == "a\\nb\\xff"


def test_users_that_may_write():
    assert _writes(["on", "~*", "+@all"])
    assert not _writes(["off", "~*", "+@all"])
    assert not _writes(["on", "-@all", "+@read"])
    assert not _writes(["on", "+@all", "-@write"])
    assert _writes(["on", "-@all", "+set"])
