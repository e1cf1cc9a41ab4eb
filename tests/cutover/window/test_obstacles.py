"""What goes wrong around a window: each is named within a bounded time, nothing is held afterwards, and no row is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import lab
import psycopg2
import pytest
import stage as stages
from judge import judged

MEGABYTE = "SELECT pg_logical_emit_message(true, 'test', repeat('x', 1000000))"
TABLE = "cryptobot_test_cut"
CUT_SECONDS = 30


def away(stage) -> str:
    return stages.other(stage.writer())


def until(what: Any, seconds: float = 30) -> Any:
    """Wait for something that is true."""
    limit = time.monotonic() + seconds
    while not (found := what()) and time.monotonic() < limit:
        time.sleep(0.1)
    return found


@contextmanager
def locked(stage, side: str) -> Iterator[None]:
    """A table whose changes cannot be applied, so that the side does not get on with following."""
    session = stage.place(side, "trade").connect("postgres", autocommit=False)
    try:
        with session.cursor() as cursor:
            cursor.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        yield
    finally:
        session.rollback()
        session.close()


def service(stage, side: str, name: str) -> int:
    """The process of a service."""
    port = stage.ports[side][name]
    return next(each.pid for each in reversed(stage._running) if "service.py" in str(each.args) and str(port) in each.args)


def down(stage, side: str) -> bool:
    """Whether the router has seen that nothing answers there."""
    return "No process of the" in stages.result(stage.begin(side, check=True)).get("msg", "")


def test_a_side_that_never_catches_up_is_not_switched_to(stage) -> None:
    side, began = away(stage), time.time()
    with locked(stage, side):
        source = stage.place(stage.writer(), "trade")
        for __ in range(3):
            source.sql(MEGABYTE)
        said = stage.switch(side)
    assert said["failed"] and "The target is behind by" in said["msg"], said
    assert judged(stage, began).wrong == []


def test_an_unhealthy_side_is_not_switched_to(stage) -> None:
    side, began = away(stage), time.time()
    process = service(stage, side, "trade")
    os.kill(process, signal.SIGSTOP)
    try:
        assert until(lambda: down(stage, side))
        said = stage.switch(side)
    finally:
        os.kill(process, signal.SIGCONT)
    assert said["failed"] and f"No process of the {side} side is healthy behind trade_web" in said["msg"]
    assert stage.writer() == stages.other(side)
    assert judged(stage, began).wrong == []
    assert until(lambda: not down(stage, side))


def test_a_side_that_hangs_right_after_can_be_left_again(stage, loop) -> None:
    left, began = stage.writer(), time.time()
    side = stages.other(left)
    window = stage.begin(side, "hold after:hand_over\n")
    loop.reached(window, "after:hand_over")
    process = service(stage, side, "trade")
    os.kill(process, signal.SIGSTOP)
    loop.let_go()
    said = stages.result(window)
    assert not said.get("failed") and stage.writer() == side
    # What it has taken does not end, and is not given up behind its back.
    back = stage.switch(left)
    assert "Where a process hangs, end it first" in back["msg"] and stage.writer() == side, back
    os.kill(process, signal.SIGKILL)
    back = stage.switch(left)
    stage._service(side, "trade")
    assert not back.get("failed"), back.get("msg")
    assert stage.writer() == left and until(lambda: not down(stage, side))
    found = judged(stage, began, may_fail=True)
    print(f"\n{len(found.failed)} requests failed: {found.reasons()}")
    assert found.wrong == []


def test_two_operators_at_once_make_one_window(stage) -> None:
    side, began = away(stage), time.time()
    first, second = stage.begin(side), stage.begin(side)
    said = [stages.result(each) for each in (first, second)]
    print(f"\n{[each.get('msg', 'switched' if each.get('steps') else 'nothing to do') for each in said]}")
    assert sum(bool(each.get("steps")) for each in said) == 1
    assert stage.writer() == side
    assert judged(stage, began).wrong == []


@contextmanager
def cut(*ends: tuple[int, int]) -> Iterator[None]:
    """Packets of these connections, as pairs of ports, are lost both ways."""
    rules = "".join(
        f"    tcp sport {one} tcp dport {other} drop\n" for pair in ends for one, other in (pair, pair[::-1])
    )
    text = f"table inet {TABLE} {{\n  chain output {{\n    type filter hook output priority 0;\n{rules}  }}\n}}\n"
    subprocess.run(["nft", "-f", "-"], input=text, text=True, check=True)
    try:
        yield
    finally:
        subprocess.run(["nft", "delete", "table", "inet", TABLE], check=True)


def test_a_cut_line_between_the_servers_costs_no_row(stage) -> None:
    side, began = away(stage), time.time()
    source = stage.place(stage.writer(), "trade")
    lines = source.sql("SELECT client_port FROM pg_stat_replication")
    with cut(*((port, source.server.port) for (port,) in lines)):
        for __ in range(3):
            source.sql(MEGABYTE)
        said = stage.switch(side)
        assert said["failed"] and "behind by" in said["msg"], said
        time.sleep(max(0.0, CUT_SECONDS - (time.time() - began)))
    assert judged(stage, began).wrong == []
    said = until(lambda: not (found := stage.switch(side)).get("failed") and found, 120)
    assert said and judged(stage, began).wrong == []


@pytest.fixture(scope="module")
def lost() -> Iterator[stages.Stage]:
    """A stage of its own: what follows is gone afterwards."""
    with stages.Stage() as found, found.load():
        yield found


def test_a_slot_that_was_given_up_is_named(lost) -> None:
    side, began = away(lost), time.time()
    source = lost.place(lost.writer(), "trade")
    source.sql("ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'")
    source.sql("SELECT pg_reload_conf()")
    state = "SELECT count(*) FROM pg_replication_slots WHERE database = 'trade_db' AND wal_status = 'lost'"

    def written() -> bool:
        for __ in range(20):
            source.sql(MEGABYTE)
        source.sql("CHECKPOINT")
        return bool(source.sql(state)[0][0])

    with locked(lost, side):
        assert until(written, 60), "the slot was kept"
    said = lost.switch(side)
    assert said["failed"] and "The slot of the way there is gone. Copy again." in said["msg"], said
    answers = [each for each in lost.requests(began) if each.status != 200]
    assert answers == [] and not lost.held() and lost.writer() == stages.other(side)
    with pytest.raises(psycopg2.Error):
        lost.place(side, "trade").sql("INSERT INTO orders (id) VALUES ('closed')", user=lab.APP)
