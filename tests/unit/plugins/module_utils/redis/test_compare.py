# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
import time

from ansible_collections.cryptobot.native.plugins.module_utils.redis.canonical import Record, score
from ansible_collections.cryptobot.native.plugins.module_utils.redis.compare import Comparison, Sums, Wish
from ansible_collections.cryptobot.native.plugins.module_utils.redis.detail import shown
from ansible_collections.cryptobot.native.plugins.module_utils.redis.endpoint import Endpoint
from ansible_collections.cryptobot.native.plugins.module_utils.redis.facts import _writes
from ansible_collections.cryptobot.native.plugins.module_utils.redis.pages import typed
from ansible_collections.cryptobot.native.plugins.module_utils.redis.streams import after, order


def digest(text: str) -> bytes:
    return hashlib.sha1(text.encode()).hexdigest().encode()


def test_order_plays_no_part_and_equal_ones_do_not_cancel():
    one, other, twice = Sums(), Sums(), Sums()
    one.add(digest("a") + digest("b"))
    other.add(digest("b"))
    other.add(digest("a"))
    twice.add(digest("a") + digest("b") + digest("c") + digest("c"))
    assert one.digest() == other.digest() != twice.digest()
    assert (one.keys, twice.keys) == (2, 4)


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


def test_a_digest_with_an_expiry_is_the_one_that_redis_makes():
    assert Record("string", -1, "abc").sealed(1) == "abc"
    assert Record("string", 4_102_444_800_123, "abc").sealed(1) == hashlib.sha1(b"abc4102444800123").hexdigest()
    assert Record("string", 4_102_444_800_123, "abc").sealed(10_000) == hashlib.sha1(b"abc410244480").hexdigest()


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
