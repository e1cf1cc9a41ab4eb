"""The module `cutover` with two databases and a Redis in its window, which dies on the way, and decides one for all.

As root, with PostgreSQL, HAProxy and nft, which are installed where they are missing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "tests" / part) for part in ("servers", "cutover/postgresql", "cutover/window", "cutover/redis")]

import faults  # noqa: E402
import redis_window as lab  # noqa: E402
import stage as stages  # noqa: E402


@pytest.fixture(scope="module")
def both(tmp_path_factory) -> Iterator[tuple[stages.Stage, lab.Stage]]:
    """Databases under requests, and a Redis under writers that know no door."""
    lab.program("nft", "nftables")
    with stages.Stage() as stage, lab.Stage(tmp_path_factory.mktemp("redis"), True, stage.state) as redis:
        redis.begin()
        cache = {"datastore": redis.pair("docker").datastore, **{side: redis.options(side) for side in lab.SIDES}}
        arguments = stage.arguments
        stage.arguments = lambda to, **more: {**arguments(to, **more), "caches": [cache]}
        try:
            with stage.load():
                yield stage, redis
        finally:
            lab.tear_down(redis)


def open_at(redis: lab.Stage) -> list[str]:
    """Sides of the Redis that let an application write."""
    found = []
    for side in lab.SIDES:
        try:
            with redis.connect(side) as line:
                found += [side] if line.call("SET", "queue:probe", "1") == "OK" else []
        except lab.RedisError:
            continue
    return found


def test_redis_changes_sides_with_the_databases(both) -> None:
    """There, back, given up before the hand-over and finished after it; nothing acknowledged is lost."""
    stage, redis = both
    loop = faults.Faults(stage, faults.points(stage))
    redis.writer = stage.writer()
    with lab.load(redis, kinds=("single", "list", "elsewhere")) as writers:
        for point in ("before:hand_over", "after:hand_over"):
            home = stage.writer()
            outcome = loop.killed(point)
            after = home if point == "before:hand_over" else stages.other(home)
            assert (outcome.wrong, stage.writer(), open_at(redis)) == ([], after, [after])
            redis.writer = after
            print(f"\n{point}: {outcome.how} after {outcome.decided} s")
        stages.time.sleep(0.5)
    assert lab.lost(redis, redis.writer, writers) == set()
