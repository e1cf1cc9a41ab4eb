"""Every planted difference in a copied Redis is found and named exactly, and nothing else is; each way of copying carries all.

pytest tests/plants/redis

Both servers are Debian's redis-server on this machine; molecule/comparison runs this on Debian 12 and 13, and across both.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.migration.journal import Journal
from ansible_collections.cryptobot.native.plugins.module_utils.redis.client import RedisError
from ansible_collections.cryptobot.native.plugins.module_utils.redis.endpoint import Endpoint
from ansible_collections.cryptobot.native.plugins.module_utils.redis.transfer import Task, Transfer

sys.path.insert(0, str(Path(__file__).resolve().parent))

from redis_lab import LATER, assert_equal, compared, copied, emptied, seeded, servers  # noqa: E402

OTHER_CODE = "#!lua name=cryptobot\nredis.register_function('seeded', function() return 'changed' end)"
PLANTS = {
    # what is planted on the target: (database, command), then object → what is named
    "string, last digit": ((0, ("SET", "zoo:number", "1.1")), "0:zoo:number", ["value"], "differs from byte 3 on"),
    "string, one byte of a large one": ((0, ("SETRANGE", "zoo:string:large", "3000000", "?")), "0:zoo:string:large", ["value"], "byte 3000000"),
    "bit of a bitmap": ((0, ("SETBIT", "zoo:bitmap", "8", "1")), "0:zoo:bitmap", ["value"], "differs from byte 1 on"),
    "one more in a HyperLogLog": ((0, ("PFADD", "zoo:hyperloglog:sparse", "d")), "0:zoo:hyperloglog:sparse", ["value"], "differs"),
    "key deleted": ((0, ("DEL", "session:seed:1")), "0:session:seed:1", ["missing"], "missing on the target"),
    "key added": ((0, ("SET", "added", "")), "0:added", ["added"], "on the target only"),
    "key in another database": ((3, ("MOVE", "price:other-3:8", "5")), "3:price:other-3:8", ["missing"], "missing"),
    "expiry lost": ((0, ("PERSIST", "zoo:string:expires")), "0:zoo:string:expires", ["expiry"], "does not expire on the target"),
    "expiry gained": ((0, ("PEXPIREAT", "zoo:list", str(LATER))), "0:zoo:list", ["expiry"], "expires on the target only"),
    "expiry later": ((0, ("PEXPIREAT", "zoo:set:expires", str(LATER + 5009))), "0:zoo:set:expires", ["expiry"], "5000 ms later"),
    "list, one item": ((0, ("LSET", "queue:seed:17", "2", "x")), "0:queue:seed:17", ["2"], "item 2 differs"),
    "list, one item of a large one": ((0, ("LSET", "zoo:list:large", "20000", "x")), "0:zoo:list:large", ["20000"], "item 20000"),
    "list, one item less": ((0, ("RPOP", "queue:seed:37")), "0:queue:seed:37", ["length"], "5 items in the source and 4"),
    "set, member lost": ((0, ("SREM", "zoo:set", "member-5")), "0:zoo:set", ["member-5"], "member member-5 is missing"),
    "set, member of a large one lost": (
        (0, ("SREM", "zoo:set:large", "member-00000000-yyyyyyyyyyyyyyyyyyyy")),
        "0:zoo:set:large",
        ["member-00000000-yyyyyyyyyyyyyyyyyyyy"],
        "is missing on the target",
    ),
    "set, member added": ((0, ("SADD", "open:seed:15", "odd")), "0:open:seed:15", ["odd"], "member odd is on the target only"),
    "hash, value": ((0, ("HSET", "order:seed:12", "side", "sold")), "0:order:seed:12", ["side"], "field side differs"),
    "hash, field of a large one": ((0, ("HDEL", "zoo:hash:large", "field-77")), "0:zoo:hash:large", ["field-77"], "field-77 is missing"),
    "sorted set, score": ((0, ("ZADD", "zoo:sorted", "1.1000000000000003", "a")), "0:zoo:sorted", ["a"], "member a differs"),
    "sorted set, score in a large one": ((0, ("ZINCRBY", "zoo:sorted:large", "0.5", "member-9-wwwwwwwwwwwwwwwwwwww")), "0:zoo:sorted:large", ["member-9-wwwwwwwwwwwwwwwwwwww"], "differs"),
    "stream, acknowledged": ((0, ("XACK", "zoo:stream", "workers", "1004-1")), "0:zoo:stream", ["pending entry 1004-1 of workers"], "1004-1"),
    "stream, a counter": ((0, ("XSETID", "zoo:stream:empty", "6-0", "ENTRIESADDED", "1", "MAXDELETEDID", "5-0")), "0:zoo:stream:empty", ["last-generated-id"], "last-generated-id differs"),
    "type": ((0, ("RENAME", "zoo:hash", "zoo:sorted:expires")), "0:zoo:sorted:expires", ["type", "expiry"], "is a zset in the source and a hash"),
    "function": ((0, ("FUNCTION", "LOAD", "REPLACE", OTHER_CODE)), "cryptobot", ["code"], "other code on the target"),
}  # fmt: skip
ALSO = {
    # what a plant above brings with it
    "5:price:other-3:8": ["added"],
    "0:zoo:hash": ["missing"],
}


READING = ("+info", "+time", "+config|get", "+function|list", "+acl|whoami")
"""What a user needs beside reading keys."""


def named(found: dict) -> list[tuple]:
    return sorted((each["object"], each["columns"], each["text"]) for each in found["differences"])


# What differs within the tolerance.
TOLERATED = (0, ("PEXPIREAT", "zoo:list:expires", str(LATER + 5 + 900)))


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Iterator[Endpoint]:
    with seeded(tmp_path_factory.mktemp("source")) as server:
        yield Endpoint.from_options(server.options)


@pytest.fixture(scope="module")
def target(tmp_path_factory) -> Iterator[Endpoint]:
    more = ("--appendonly", "yes")
    with servers.Server(servers.free_port(), tmp_path_factory.mktemp("target"), more=more) as server:
        yield Endpoint.from_options(server.options)


@pytest.mark.parametrize("way", ["replica", "restore", "typewise"])
def test_each_way_carries_everything_and_raises_no_alarm(source, target, way, tmp_path):
    emptied(target)
    transfer = copied(source, target, way, tmp_path)
    changed, evidence = transfer.copied()
    assert not changed
    assert_equal(source, target, evidence["indices"])
    transfer.active()
    assert_equal(source, target)


@pytest.fixture(scope="module")
def harvest(source, target, tmp_path_factory) -> dict:
    emptied(target)
    copied(source, target, "restore", tmp_path_factory.mktemp("journal")).active()
    for index, command in [*(plant for plant, *__ in PLANTS.values()), TOLERATED]:
        with target.connect(index) as redis:
            redis.call(*command)
    return compared(source, target)


@pytest.mark.parametrize("name", PLANTS)
def test_a_plant_is_named(harvest, name):
    __, what, columns, text = PLANTS[name]
    found = [each for each in harvest["differences"] if each["object"] == what]
    assert [each["columns"] for each in found] == [columns]
    assert text in found[0]["text"]


def test_nothing_else_is_named(harvest):
    expected = {what for __, what, *__ in PLANTS.values()} | set(ALSO)
    assert {each["object"] for each in harvest["differences"]} == expected
    assert not harvest["equal"]
    assert {each["object"]: each["columns"] for each in harvest["differences"] if each["object"] in ALSO} == ALSO


def test_without_scripts_the_same_is_found(harvest, source, target):
    """Two users that may only read, one with scripts and one without."""
    found = {}
    for name, rules in (("scripts", ["+eval_ro"]), ("plain", [])):
        ends = []
        for end in (source, target):
            with end.connect() as redis:
                redis.call("ACL", "SETUSER", name, "on", ">canary", "~*", "-@all", "+@read", "+@connection", *READING, *rules)
            ends.append(replace(end, user=name, password="canary"))
        found[name] = compared(*ends)
    for each in found.values():
        assert named(each) == named(harvest)
    assert [note for note in found["plain"]["notes"] if "no scripts" in note]
    assert not [note for note in found["scripts"]["notes"] if "no scripts" in note]


def test_no_value_is_shown(harvest):
    assert "user-" not in str(harvest["differences"])


def test_a_target_with_foreign_keys_is_refused_and_stays(source, target, tmp_path):
    emptied(target)
    with target.connect(3) as redis:
        redis.call("SET", "somebody's", "1")
    with pytest.raises(RedisError, match=r"holds 1 keys that are not ours \(1 in database 3\)"):
        copied(source, target, "auto", tmp_path)
    with target.connect(3) as redis:
        assert redis.call("GET", "somebody's") == "1"
        redis.call("DEL", "somebody's")


def test_what_was_not_activated_can_be_taken_away(source, target, tmp_path):
    for way in ("replica", "restore"):
        emptied(target)
        transfer = copied(source, target, way, tmp_path / way)
        assert transfer.absent()
        assert not transfer.absent()
        with target.connect() as redis:
            assert "db" not in redis.call("INFO", "keyspace")


def test_the_way_back_replaces_what_is_superseded(source, target, tmp_path):
    emptied(target)
    copied(source, target, "auto", tmp_path).active()
    with target.connect(7) as redis:
        redis.call("SET", "made natively", "1")
        redis.call("SELECT", "3")
        redis.call("FLUSHDB")
    back = Transfer(Task("back", "redis", target, source, {}, "auto", True), Journal(tmp_path))
    __, evidence = back.copied()
    assert evidence["way"] in ("restore", "typewise")
    back.active()
    assert_equal(target, source)
    with source.connect(3) as redis:
        assert redis.call("DBSIZE") == 0
