"""What a Redis that starts again without its rights would let through, the wall refuses. As root, with nft."""

from __future__ import annotations

import subprocess
import time

import pytest
import redis_window as lab
from ansible_collections.cryptobot.native.plugins.module_utils.redis.client import RedisError
from ansible_collections.cryptobot.native.plugins.module_utils.redis.wall import Walls, walls_again


def let_in(stage: lab.Stage, side: str) -> bool:
    try:
        with stage.connect(side) as redis:
            return redis.call("SET", "a", "1") == "OK"
    except RedisError:
        return False


def table(stage: lab.Stage) -> str:
    """The wall as the kernel has it; empty where there is none."""
    done = subprocess.run(["nft", "list", "table", "inet", name(stage)], capture_output=True, text=True, check=False)
    return done.stdout


def name(stage: lab.Stage) -> str:
    return f"cryptobot_redis_redis_{stage.servers['docker'].port}_docker"


def test_wall_stands_from_the_closing_to_the_way_back(walled) -> None:
    """And the switches work all the same, under load."""
    with lab.load(walled) as writers:
        first = walled.window()
        assert table(walled) and not let_in(walled, "docker") and let_in(walled, "native")
        time.sleep(0.3)
        second = walled.window()
        assert not table(walled) and let_in(walled, "docker")
        time.sleep(0.3)
    assert lab.lost(walled, "docker", writers) == set()
    print(f"\nclosing with the wall put up {first['close'] * 1000:.1f} ms, opening with it taken down {second['open'] * 1000:.1f} ms")


def test_wall_falls_when_the_window_is_given_up(walled) -> None:
    with lab.load(walled) as writers:
        walled.window(until="hand_over")
        time.sleep(0.3)
    assert not table(walled) and let_in(walled, "docker")
    assert lab.lost(walled, "docker", writers) == set()


@pytest.mark.parametrize("step", ["check", "open"])
def test_old_one_that_starts_again_in_the_window_takes_no_write(walled, step) -> None:
    """Given up before the hand-over, finished after it; by job that stays with the old one, too."""

    def die(pair: lab.pairs.Pair) -> None:
        lab.restarted(walled)
        assert not let_in(walled, "docker")

    with lab.load(walled, kinds=("single", "list"), stays=True) as writers:
        pair = walled.windowed()
        for each in ("prepare", "arm", "close", "mark", "wait_for_mark", "check", "point", "open"):
            if each == step:
                die(pair)
            if step == each == "check":
                with pytest.raises(RedisError):
                    pair.check()
                lab.give_up(pair)
                break
            getattr(pair, each)(*((3, False) if each == "close" else ()))
        else:
            pair.forget()
            pair.follow_back()
            walled.writer = "native"
        time.sleep(0.3)
        pair.forget()
    assert any(each.acknowledged for each in writers)
    assert lab.lost(walled, walled.writer, writers) == set()
    assert let_in(walled, walled.writer) and not let_in(walled, lab.other(walled.writer))


def test_wall_is_put_on_again(walled) -> None:
    """At a boot: the kernel has forgotten it, the disk has not."""
    walled.window()
    subprocess.run(["nft", "delete", "table", "inet", name(walled)], check=True)
    lab.restarted(walled)
    assert let_in(walled, "docker")
    assert walls_again(str(walled.folder)) == list(Walls(walled.folder).read())
    assert not let_in(walled, "docker")
