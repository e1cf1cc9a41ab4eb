"""A closed Redis takes no write from anybody but the controller, and every right comes back as it was.

pytest tests/cutover/redis
"""

from __future__ import annotations

import threading
import time

import pytest
import redis_window as lab
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.fence.errors import NotOurs
from ansible_collections.cryptobot.native.plugins.module_utils.redis.client import RedisError

REFUSED = (
    ("SET", "a", "1"), ("GETDEL", "a"), ("EXPIRE", "a", "5"), ("SORT", "l", "STORE", "a"), ("FLUSHALL",), ("FLUSHDB",),
    ("SWAPDB", "0", "1"), ("RESTORE", "b", "0", "x"), ("LPUSH", "l", "1"), ("BLPOP", "nothing", "1"), ("XADD", "x", "*", "a", "1"),
    ("XGROUP", "CREATE", "s", "g", "$"), ("PFADD", "p", "1"), ("COPY", "a", "b"), ("EVAL", "return redis.call('SET', 'a', '1')", "0"),
    ("FCALL", "put", "1", "a"), ("FUNCTION", "FLUSH"), ("CONFIG", "SET", "appendonly", "no"), ("ACL", "SETUSER", "default", "+@all"),
    ("ACL", "SETUSER", "another", "on", "nopass", "~*", "+@all"), ("REPLICAOF", "NO", "ONE"), ("SHUTDOWN", "NOSAVE"),
    ("CLIENT", "KILL", "TYPE", "normal"),
)  # fmt: skip
PASSES = (
    ("GET", "a"), ("INFO",), ("KEYS", "*"), ("EVAL", "return redis.call('GET', 'a')", "0"), ("PING",), ("SELECT", "3"), ("PUBLISH", "c:1", "x"),
    ("LRANGE", "l", "0", "-1"), ("DBSIZE",), ("CLIENT", "SETNAME", "me"),
)  # fmt: skip
LIBRARY = "#!lua name=mine\nredis.register_function('put', function(keys) return redis.call('SET', keys[1], '1') end)"


def refused(redis, *words: str) -> bool:
    """Whether the server refuses it for want of rights; another refusal counts as let through."""
    try:
        redis.call(*words)
    except RedisError as error:
        return any(said in str(error) for said in lab.REFUSALS)
    return False


def closed(stage: lab.Stage) -> lab.pairs.Pair:
    pair = stage.windowed()
    pair.prepare()
    pair.arm()
    pair.close(3, False)
    return pair


def test_nobody_writes_and_everybody_reads(stage) -> None:
    """By connections that were made before, and by new ones."""
    before = stage.connect("docker")
    before.call("FUNCTION", "LOAD", LIBRARY)
    before.call("SET", "a", "0")
    before.call("RPUSH", "l", "1")
    cached = stage.connect("docker", "cache")
    cached.call("SET", "cache:1", "1")
    queued = stage.connect("docker", "broker")
    queued.call("MULTI")
    queued.call("SET", "queue:1", "1")
    rights = stage.rights("docker")
    pair = closed(stage)
    for redis in (before, stage.connect("docker"), stage.connect("docker", "owner")):
        assert [words for words in REFUSED if not refused(redis, *words)] == []
        assert [words for words in PASSES if refused(redis, *words)] == []
    assert refused(cached, "SET", "cache:1", "2") and cached.call("GET", "cache:1") == "1"
    with pytest.raises(RedisError, match="NOPERM"):
        queued.call("EXEC")
    assert stage.connect("docker").call("GET", "a") == "0"
    lab.give_up(pair)
    pair.forget()
    assert stage.rights("docker") == rights
    for redis in (before, cached):
        redis.call("SET", "cache:1", "3")


def test_who_waits_is_told_no_and_not_served(stage) -> None:
    """But a reader goes on waiting."""
    told: dict[str, str] = {}

    def wait(name: str, *words: str) -> None:
        try:
            told[name] = str(stage.connect("docker").call(*words))
        except RedisError as error:
            told[name] = str(error)

    stage.connect("docker").call("XADD", "events", "*", "a", "1")
    waits = {"takes": ("BLPOP", "queue", "20"), "moves": ("BLMOVE", "queue", "other", "LEFT", "LEFT", "20"),
             "reads": ("XREAD", "BLOCK", "1500", "STREAMS", "events", "$")}  # fmt: skip
    threads = [threading.Thread(target=wait, args=(name, *words)) for name, words in waits.items()]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    pair = closed(stage)
    for thread in threads:
        thread.join()
    assert told["takes"].startswith("UNBLOCKED") and told["moves"].startswith("UNBLOCKED") and told["reads"] == "None"
    lab.give_up(pair)
    pair.forget()


@pytest.mark.parametrize("step", ["prepare", "arm", "close", "mark", "wait_for_mark", "point", "hand_over"])
def test_giving_up_gives_every_right_back(stage, step) -> None:
    """Under load, from wherever the window had come to; and the next window is whole."""
    rights = stage.rights("docker")
    with lab.load(stage) as writers:
        stage.window(until=step)
        assert stage.rights("docker") == rights
        time.sleep(0.2)
        stage.window()
        time.sleep(0.2)
    assert lab.lost(stage, "native", writers) == set()
    assert [text for each in writers for text in each.failed] == []


def test_two_who_decide_do_not_both_succeed(stage) -> None:
    pair = closed(stage)
    late, epoch = stage.pair("docker", pair.intent.epoch, pair.database.before), pair.intent.epoch
    with pytest.raises(NotOurs, match=f"was not closed at epoch {epoch}: it is closed at epoch {epoch}"):
        late.fence("source").close(epoch, pair.database.before, late.fence("source").users())
    lab.give_up(pair)
    with pytest.raises(RedisError, match="closed"):
        pair.close(3, False)
    with pytest.raises(NotOurs, match="was not opened"):
        late.open()
    for each in (pair, late):
        each.forget()
    assert not refused(stage.connect("docker"), "SET", "a", "1")
    assert refused(stage.connect("native"), "SET", "a", "1")


def test_a_session_of_the_window_is_ended_and_does_not_come_back(stage) -> None:
    pair = closed(stage)
    lab.give_up(pair)
    with pytest.raises(RedisError, match="closed the connection|went away"):
        pair.session("source").call("PING")
    pair.forget()


def test_rights_that_are_changed_meanwhile_end_the_window(stage) -> None:
    pair = stage.windowed()
    pair.prepare()
    stage.connect("docker").call("ACL", "SETUSER", "late", "on", "nopass", "~*", "+@all")
    with pytest.raises(RedisError, match="rights of late were changed since the window began"):
        pair.close(3, False)
    lab.give_up(pair)
    pair.forget()
    assert not refused(stage.connect("docker"), "SET", "a", "1")


def test_no_password_is_shown(stage) -> None:
    """In the log of slow commands, where everything is slow."""
    with stage.connect("docker") as redis:
        redis.call("CONFIG", "SET", "slowlog-log-slower-than", "0")
    with stage.connect("native") as redis:
        pair = closed(stage)
        lab.give_up(pair)
        pair.forget()
    page = stage.pair("docker").page("source")
    with stage.connect("docker") as redis:
        shown = str(redis.call("SLOWLOG", "GET", "-1"))
    assert "SETUSER" in shown and page.controller not in shown and page.follower not in shown
    assert stage.pair("docker").database.book.stat().st_mode & 0o777 == 0o600
