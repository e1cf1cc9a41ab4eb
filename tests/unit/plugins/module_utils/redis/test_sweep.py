# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.redis import batches
from ansible_collections.cryptobot.native.plugins.module_utils.redis.canonical import Rules
from ansible_collections.cryptobot.native.plugins.module_utils.redis.client import RedisError
from ansible_collections.cryptobot.native.plugins.module_utils.redis.sweep import Read, Sweep, _weighed


class Wire:
    """A connection whose answers come in the given pieces."""

    def __init__(self, size: int = 7) -> None:
        self.sent, self.size, self.left = b"", size, b""

    def send(self, request: bytes) -> None:
        self.sent += request

    def some(self) -> bytes:
        found, self.left = self.left[: self.size], self.left[self.size :]
        return found


class Server:
    """A side as far as a sweep looks at its answers."""

    def __init__(self, absolute: bool = True) -> None:
        self.absolute, self.pages, self.aside = absolute, Wire(), Wire()


def bulk(*texts: bytes) -> bytes:
    return b"".join(b"$%d\r\n%s\r\n" % (len(text), text) for text in texts)


def page(*keys: bytes, cursor: bytes = b"7") -> bytes:
    return b"*2\r\n" + bulk(cursor) + b"*%d\r\n" % len(keys) + bulk(*keys)


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_answers_are_parted_wherever_they_are_cut(size):
    wire = Wire(size)
    batch = batches.Batches(wire)
    batch.send([b"A", b"BC"])
    marker = wire.sent[1 : wire.sent.index(b"BC")].removeprefix(b"*2\r\n$4\r\nECHO\r\n")
    assert wire.sent.count(marker) == 2
    wire.left = b":1\r\n" + marker + bulk(b"x") + marker
    assert [batch.receive(), batch.receive()] == [b":1\r\n", bulk(b"x")]


def test_keys_of_a_page_come_as_names_whatever_they_hold():
    assert batches.listed(page(b"a", b"\xff\r\nb")) == (b"7", [b"1\r\na", b"4\r\n\xff\r\nb"])
    odd = b"x\r\n$1\r\ny"
    cursor, names = batches.listed(page(odd, b"", cursor=b"0"))
    assert (cursor, [batches.key(each) for each in names]) == (b"", [odd, b""])
    assert batches.listed(page()) == (b"7", [])
    with pytest.raises(RedisError, match="NOPERM"):
        batches.listed(b"-NOPERM no such right\r\n")


def test_one_command_for_each_key():
    names = [batches.name(b"a"), batches.name(b"bc")]
    expected = b"".join(b"*3\r\n" + bulk(b"MEMORY", b"USAGE", key) for key in (b"a", b"bc"))
    assert batches.each(names, ("MEMORY", "USAGE")) == expected
    expected = b"".join(b"*2\r\n" + bulk(command, key) for key in (b"a", b"bc") for command in (b"PTTL", b"DUMP"))
    assert batches.each(names, ("PTTL",), ("DUMP",)) == expected


def test_numbers_and_refusals():
    assert batches.numbers(b":5\r\n:-1\r\n") == [5, -1]
    assert batches.numbers(b":5\r\n$-1\r\n-ERR no\r\n:6\r\n") == [5, None, None, 6]
    assert batches.refused(b":1\r\n-NOPERM no\r\n")
    assert batches.refused(b"-ERR\r\n")
    assert not batches.refused(bulk(b"-5", b"a-B"))
    assert batches.answers(b"*2\r\n:1\r\n$-1\r\n+OK\r\n") == [[1, None], b"OK"]


def test_what_is_large_or_unknown_is_not_read_whole():
    names = [b"1\r\na", b"1\r\nb", b"1\r\nc"]
    assert _weighed(names, b":1\r\n:2\r\n:3\r\n") == Read(names, [])
    assert _weighed(names, b":1\r\n:20000\r\n$-1\r\n") == Read(names[:1], names[1:])


def differing(source: bytes, target: bytes, old: bool = False) -> list[bytes]:
    sweep = Sweep(Server(not old), Server(not old), Rules(quantum=1000 if old else 1), True, False)
    return sweep._compared(Read([b"1\r\na", b"1\r\nb"], [], (source, target)), 0).keys


def told(*both: tuple[int, bytes | None]) -> bytes:
    return b"".join(b":%d\r\n" % ends + (b"$-1\r\n" if value is None else bulk(value)) for ends, value in both)


def test_values_are_equal_but_for_the_foot_that_tells_the_age_of_the_format():
    foot, newer = b"\x0a\0" + b"c" * 8, b"\x0c\0" + b"d" * 8
    source = told((-1, b"\0\1x" + foot), (5, b"\0\1y" + foot))
    assert differing(source, source) == []
    assert differing(source, told((-1, b"\0\1x" + newer), (5, b"\0\1y" + newer))) == []
    assert differing(source, told((-1, b"\0\1x" + newer), (5, b"\0\1z" + newer))) == [b"b"]
    assert differing(source, told((-1, b"\0\1x" + foot), (6, b"\0\1y" + foot))) == [b"b"]
    assert differing(source, told((-2, None), (5, b"\0\1y" + foot))) == [b"a"]


def test_the_same_refusal_of_both_is_no_equality():
    refusal = b":-1\r\n-NOPERM no\r\n" * 2
    with pytest.raises(RedisError, match="NOPERM"):
        differing(refusal, refusal)


def test_old_servers_tell_what_is_left():
    def server(now: int, left: int) -> bytes:
        values = told((-1, b"\0\1x0123456789"), (left, b"\0\1y0123456789"))
        return b"*2\r\n" + bulk(b"%d" % now, b"250000") + values

    assert differing(server(100, 50_100), server(103, 47_300), old=True) == []
    assert differing(server(100, 50_100), server(103, 50_100), old=True) == [b"b"]
