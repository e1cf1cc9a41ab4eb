"""Windows there and back under load, the ways in which one is cut off, and that the tests would notice a hole.

All points of all kinds: `make test-crash`.
"""

from __future__ import annotations

import statistics
import threading
import time

import lab
import pytest
import stage as stages
from judge import judged
from parts import SlowWriter

PAST_THE_DOORS = "INSERT INTO orders (id) VALUES (%s)"


def away(stage) -> str:
    return stages.other(stage.writer())


def test_there_and_back(stage) -> None:
    """No request fails, no row is lost or doubled; and what it took."""
    windows, gaps = [], []
    for __ in range(4):
        began = time.time()
        said = stage.switch(away(stage))
        assert not said.get("failed"), said.get("msg")
        found = judged(stage, began)
        assert found.wrong == []
        windows.append(said["write_window"])
        gaps.append(found.gap)
        print(
            f"\nto {stage.writer()}: write window {said['write_window'] * 1000:.0f} ms, held {said['held'] * 1000:.0f} "
            f"ms, longest gap between acknowledged writes {found.gap * 1000:.0f} ms, slowest write "
            f"{found.longest * 1000:.0f} ms, {found.acknowledged} writes"
        )
    print(f"\nwrite window: median {statistics.median(windows) * 1000:.0f} ms, worst {max(windows) * 1000:.0f} ms")
    print(f"longest gap: median {statistics.median(gaps) * 1000:.0f} ms, worst {max(gaps) * 1000:.0f} ms")


def test_check_mode_and_a_second_run_change_nothing(stage) -> None:
    side = stage.writer()
    predicted = stages.result(stage.begin(stages.other(side), check=True))
    assert predicted["changed"] and "steps" not in predicted
    assert stage.writer() == side and stage.points() == []
    assert not stage.switch(side)["changed"]


def test_what_stands_in_the_way_is_named(stage) -> None:
    """Seen by the guard: nothing is held, and no intent is written."""
    side = stage.writer()
    place = stage.place(side, "trade")
    place.sql("BEGIN; INSERT INTO orders (id) VALUES ('prepared'); PREPARE TRANSACTION 'left'", user=lab.APP)
    try:
        said = stage.switch(stages.other(side))
    finally:
        place.sql("ROLLBACK PREPARED 'left'", user=lab.APP)
    assert said["failed"] and "prepared transactions: left" in said["msg"]
    assert not any(point.startswith("at before:intent") for point in stage.points())


def test_an_error_on_the_way_is_given_up_and_told(stage, loop) -> None:
    """A transaction that began right before the closing and does not end."""
    side, began = stage.writer(), time.time()
    process = stage.begin(stages.other(side), "hold before:close:api\n", grace=0.3)
    loop.reached(process, "before:close:api")
    open_ = stage.place(side, "api").connect(autocommit=False)
    with open_.cursor() as cursor:
        cursor.execute("INSERT INTO calls (id) VALUES (%s)", (f"late-{began}",))
        loop.let_go()
        said = stages.result(process)
    open_.rollback()
    open_.close()
    assert said["failed"] and f"It was given up: {side} writes as before" in said["msg"], said
    assert "began before the closing and had not ended" in said["msg"]
    assert judged(stage, began).wrong == []


def test_a_slow_write_that_is_under_way_is_waited_for(stage) -> None:
    writers = [SlowWriter(stage) for __ in range(3)]
    said = stage.switch(away(stage))
    statuses = [status for writer in writers for status in writer.stop()]
    assert not said.get("failed"), said.get("msg")
    print(f"\nheld {said['held'] * 1000:.0f} ms, of which after the drain {said['write_window'] * 1000:.0f} ms")
    assert set(statuses) == {200}


@pytest.mark.parametrize("point", ["after:intent", "after:hold:public", "after:close:trade", "before:hand_over"])
def test_killed_before_the_hand_over(loop, point) -> None:
    outcome = loop.killed(point)
    print(f"\n{point}: {outcome.how} after {outcome.decided} s")
    assert outcome.wrong == []


@pytest.mark.parametrize("point", ["after:hand_over", "before:flip", "before:follow_back:api"])
def test_killed_after_the_hand_over(loop, point) -> None:
    outcome = loop.killed(point)
    print(f"\n{point}: {outcome.how} after {outcome.decided} s")
    assert outcome.wrong == []


def test_stopped_and_woken_when_all_is_decided(loop) -> None:
    assert loop.stopped("before:hand_over").wrong == []


def test_recovery_is_killed(loop) -> None:
    assert loop.recovery_killed("before:hand_over", "before:recovery:release").wrong == []
    assert loop.recovery_killed("after:hand_over", "before:recovery:flip").wrong == []


def test_guardian_is_killed_with_the_controller(loop) -> None:
    assert loop.guardian_killed("before:mark:api", both=True).wrong == []


def past_the_doors(stage, hollow: str) -> tuple[int, int]:
    """A job in the old database with the application's own role, during a window: promised rows, and those missing."""
    place, over, promised = stage.place(stage.writer(), "trade"), threading.Event(), []
    target = stage.place(away(stage), "trade")

    def write() -> None:
        session, number = place.connect(), 0
        while not over.is_set():
            number += 1
            row = f"past-{hollow or 'whole'}-{number}"
            try:
                with session.cursor() as cursor:
                    cursor.execute(PAST_THE_DOORS, (row,))
                promised.append(row)
            except lab.psycopg2.Error:
                time.sleep(0.002)

    thread = threading.Thread(target=write)
    thread.start()
    time.sleep(0.5)
    said = stage.switch(away(stage), hollow=hollow)
    time.sleep(0.5)
    over.set()
    thread.join()
    assert not said.get("failed"), said["msg"]
    there = {row for (row,) in target.sql("SELECT id FROM orders WHERE id LIKE 'past-%%'")}
    return len(promised), len(set(promised) - there)


def test_a_writer_past_the_doors_loses_nothing(stage) -> None:
    promised, lost = past_the_doors(stage, "")
    print(f"\n{promised} rows were acknowledged past the doors, {lost} are missing")
    assert promised and not lost
