"""A Redis changes sides under load and comes back; what dies on the way costs nothing that was acknowledged."""

from __future__ import annotations

import signal
import statistics
import time

import pytest
import redis_window as lab
from ansible_collections.cryptobot.native.plugins.module_utils.redis.client import RedisError
from ansible_collections.cryptobot.native.plugins.module_utils.redis.compare import Comparison, Wish
from ansible_collections.cryptobot.native.plugins.module_utils.redis.endpoint import Endpoint
from ansible_collections.cryptobot.native.plugins.module_utils.redis.facts import information

SWITCHES = 20
WINDOW = ("close", "mark", "wait_for_mark", "check", "point", "open")


def equal(stage: lab.Stage) -> dict:
    """Both sides by content, everything that stays current included."""
    ends = (Endpoint.from_options(stage.options(side)) for side in (stage.writer, lab.other(stage.writer)))
    return Comparison(*ends, Wish("redis", {})).run()


def caught_up(stage: lab.Stage) -> None:
    until = time.monotonic() + 20
    pair = stage.pair(stage.writer)
    while pair.obstacles()[0] and time.monotonic() < until:
        time.sleep(0.05)
    pair.forget()


def test_switches_there_and_back_lose_nothing(stage) -> None:
    """With expiring keys, streams and several numbered databases, which are equal afterwards."""
    with stage.connect("docker") as redis:
        redis.call("SET", "expires", "1", "EX", "3600")
        redis.call("XADD", "events", "*", "a", "1")
        redis.call("XGROUP", "CREATE", "events", "workers", "0")
        redis.call("SELECT", "5")
        redis.call("HSET", "elsewhere", "a", "1")
    times = []
    with lab.load(stage) as writers:
        for __ in range(SWITCHES):
            times.append(stage.window())
            time.sleep(0.1)
    caught_up(stage)
    assert stage.writer == "docker"
    assert lab.lost(stage, stage.writer, writers) == set() and lab.doubled(stage, stage.writer, writers) == []
    assert [text for each in writers for text in each.failed] == []
    found = equal(stage)
    assert found["equal"], found["differences"]
    windows = [sum(each[name] for name in WINDOW) * 1000 for each in times]
    backs = {side: stats(stage, side) for side in lab.SIDES}
    print(f"\n{SWITCHES} switches, {sum(len(each.acknowledged) for each in writers)} writes, closed to open: median "
          f"{statistics.median(windows):.1f} ms, worst {max(windows):.1f} ms; longest gap of a writer "
          f"{max(each.longest for each in writers) * 1000:.0f} ms; copies (whole, partial): {backs}")  # fmt: skip
    with stage.connect("docker") as redis:
        assert 0 < redis.call("TTL", "expires") <= 3600


def stats(stage: lab.Stage, side: str) -> tuple[int, int]:
    with stage.connect(side) as redis:
        found = information(redis, "stats")
    return int(found["sync_full"]), int(found["sync_partial_ok"])


@pytest.mark.parametrize("fenced", [True, False])
def test_a_job_past_the_doors_loses_nothing_but_without_the_fence(stage, fenced) -> None:
    """The test of the test: with nobody's rights taken, rows must be missing."""
    with lab.load(stage, stays=True) as writers:
        stage.window(fenced=fenced)
        time.sleep(0.5)
    rows = lab.lost(stage, "native", writers)
    print(f"\n{sum(len(each.acknowledged) for each in writers)} rows were acknowledged past the doors, {len(rows)} are missing")
    assert all(each.refused for each in writers) if fenced else not any(each.refused for each in writers)
    assert bool(rows) != fenced


def test_new_one_that_dies_before_it_is_opened_comes_back_closed(stage) -> None:
    """And is opened by the next attempt: its file of users says closed, its log of writes has the mark."""
    rights = stage.rights("native")

    def die(pair: lab.pairs.Pair) -> None:
        stage.servers["native"].stop(signal.SIGKILL)
        stage.servers["native"].start()
        with stage.connect("native") as redis, pytest.raises(RedisError, match="NOPERM"):
            redis.call("SET", "a", "1")
        pair.forget()

    with lab.load(stage) as writers:
        stage.window(before={"open": die})
        time.sleep(0.2)
    assert lab.lost(stage, "native", writers) == set()
    assert stage.rights("native") != rights
    assert stage.connect("native").call("SET", "a", "1") == "OK"


def test_new_one_that_dies_once_it_is_opened_comes_back_open(stage) -> None:
    stage.window()
    stage.servers["native"].stop(signal.SIGKILL)
    stage.servers["native"].start()
    assert stage.connect("native").call("SET", "a", "1") == "OK"
    stage.window()
    assert stage.connect("docker").call("GET", "a") == "1"


@pytest.mark.parametrize("step", ["mark", "wait_for_mark", "check", "point"])
def test_old_one_that_starts_again_with_its_own_command_line_ends_the_window(stage, step) -> None:
    """It is open then, and nobody's: the window is given up, and what it acknowledged is there."""
    rights = stage.rights("docker")

    def die(pair: lab.pairs.Pair) -> None:
        stage.servers["docker"].stop(signal.SIGKILL)
        stage.servers["docker"].start()

    with lab.load(stage, kinds=("single", "list", "elsewhere")) as writers:
        pair = stage.windowed()
        with pytest.raises(RedisError):
            for name in ("prepare", "arm", "close", "mark", "wait_for_mark", "check", "point"):
                if name == step:
                    die(pair)
                getattr(pair, name)(*((3, False) if name == "close" else ()))
        lab.give_up(pair)
        pair.forget()
        time.sleep(0.2)
    assert stage.rights("docker") == rights
    assert lab.lost(stage, "docker", writers) == set()
    stage.window()
    assert lab.lost(stage, "native", writers) == set()


def test_old_one_that_comes_back_empty_empties_nothing(stage) -> None:
    """After the mark nothing is followed but the connection that there was."""

    def emptied(pair: lab.pairs.Pair) -> None:
        stage.servers["docker"].stop(signal.SIGKILL)
        for path in (stage.folder / "docker").rglob("*.aof"):
            path.unlink()
        for path in (stage.folder / "docker" / "appendonlydir").iterdir():
            path.unlink()
        stage.servers["docker"].start()
        time.sleep(1.5)

    # Without a wall, writers would write to the old one as it comes back (test_wall.py).
    with lab.load(stage, kinds=("single", "list")) as writers:
        pass
    stage.window(before={"open": emptied, "follow_back": lambda pair: pair.forget()})
    assert writers[0].acknowledged and lab.lost(stage, "native", writers) == set()
    caught_up(stage)
    assert equal(stage)["equal"]


def test_old_one_that_starts_again_after_the_switch_is_taken_back(stage) -> None:
    """It follows again by what the window's end does, may be asked twice, and the way back is open."""
    rights = stage.rights("docker")
    pair = stage.windowed()
    back = lab.pairs.Pair(pair.intent, pair.database, "again")
    for name in ("prepare", "arm", "close", "mark", "wait_for_mark", "check", "point", "open", "follow_back"):
        getattr(pair, name)(*((3, False) if name == "close" else ()))
    pair.forget()
    stage.writer = "native"
    stage.servers["docker"].stop(signal.SIGKILL)
    stage.servers["docker"].start()
    back.follow_back()
    back.follow_back()
    back.forget()
    with stage.connect("docker") as redis, pytest.raises(RedisError, match="NOPERM"):
        redis.call("SET", "a", "1")
    stage.connect("native").call("SET", "a", "2")
    stage.window()
    assert stage.connect("docker").call("GET", "a") == "2"
    assert stage.rights("docker") == rights
