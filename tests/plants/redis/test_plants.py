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

from redis_lab import assert_equal, compared, copied, emptied, seeded, servers  # noqa: E402
from redis_plants import PLANTS, expected, named, planted  # noqa: E402

READING = ("+info", "+time", "+config|get", "+function|list", "+acl|whoami")
"""What a user needs beside reading keys."""


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
    planted(target)
    return compared(source, target)


@pytest.mark.parametrize("name", PLANTS)
def test_a_plant_is_named(harvest, name):
    __, what, columns, text = PLANTS[name]
    found = [each for each in harvest["differences"] if each["object"] == what]
    assert [each["columns"] for each in found] == [columns]
    assert text in found[0]["text"]


def test_nothing_else_is_named(harvest):
    assert named(harvest) == expected()
    assert not harvest["equal"]


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
