"""What is planted on the target of a copied Redis, and how the comparison must name it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.cryptobot.native.plugins.module_utils.redis.endpoint import Endpoint
from redis_lab import LATER

OTHER_CODE = "#!lua name=cryptobot\nredis.register_function('seeded', function() return 'changed' end)"
PLANTS = {
    # what is planted on the target: (database, command), then object → what is named
    "string, last digit": ((0, ("SET", "zoo:number", "1.1")), "0:zoo:number", ["value"], "differs from byte 3 on"),
    "string, one byte of a large one": ((0, ("SETRANGE", "zoo:string:large", "3000000", "?")), "0:zoo:string:large", ["value"], "byte 3000000"),
    "bit of a bitmap": ((0, ("SETBIT", "zoo:bitmap", "8", "1")), "0:zoo:bitmap", ["value"], "differs from byte 1 on"),
    "one more in a HyperLogLog": ((0, ("PFADD", "zoo:hyperloglog:sparse", "d")), "0:zoo:hyperloglog:sparse", ["value"], "differs"),
    "key deleted": ((0, ("DEL", "session:seed:1")), "0:session:seed:1", ["missing"], "missing on the target"),
    "empty string deleted": ((0, ("DEL", "zoo:string:empty")), "0:zoo:string:empty", ["missing"], "missing on the target"),
    "member of a set without order": ((0, ("SREM", "tags:150", f"tag-3-4-{'x' * 70}")), "0:tags:150", [f"tag-3-4-{'x' * 70}"], "is missing"),
    "field of a hash without order": ((0, ("HSET", "page:150", "f4", "y")), "0:page:150", ["f4"], "field f4 differs"),
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
TOLERATED = (0, ("PEXPIREAT", "zoo:list:expires", str(LATER + 5 + 900)))
"""What differs within the tolerance."""


def named(found: Mapping[str, Any]) -> dict[str, list[str]]:
    return {each["object"]: each["columns"] for each in found["differences"]}


def planted(target: Endpoint) -> None:
    for index, command in [*(plant for plant, *__ in PLANTS.values()), TOLERATED]:
        with target.connect(index) as redis:
            redis.call(*command)


def expected() -> dict[str, list[str]]:
    """Columns by object."""
    return {what: columns for __, what, columns, __ in PLANTS.values()} | ALSO
