# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.fence import call, definitions, look, patience
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.fence.errors import FenceError
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.fence.row import Row, Window

WHOLE = look.Found(
    definitions.TITLE + definitions.version(),
    Row("open", 3),
    (look.Table(1, "public", "orders", "enabled"), look.Table(2, "public", "ticks", "enabled")),
    frozenset(definitions.FUNCTIONS),
    frozenset(definitions.EVENT_TRIGGERS),
    (),
)
BARE = look.Found(
    None, None, tuple(replace(table, trigger="missing") for table in WHOLE.tables), frozenset(), frozenset(), ()
)
WINDOW = Window("w", "native")


def at(state: str, epoch: int) -> look.Found:
    return replace(WHOLE, row=Row(state, epoch))


def planned(found: look.Found, state: str, **more) -> call.Change:
    return call.change("shop", found, call.Wish(state, window=WINDOW, **more), "the database")


@pytest.mark.parametrize(
    ("found", "state", "more", "after"),
    [
        (at("open", 3), "closed", {"epoch": 4}, Row("closed", 4, "w", "native")),
        (at("open", 3), "closed", {"epoch": 9, "seen": 3}, Row("closed", 9, "w", "native")),
        (at("closed", 4), "handed_over", {"epoch": 4}, Row("handed_over", 4, "w", "native")),
        (at("closed", 4), "open", {"epoch": 4}, Row("open", 5, "w", "native")),
        (at("closed", 4), "open", {"epoch": 4, "decision": "finish"}, Row("open", 4, "w", "native")),
    ],
)
def test_moves(found, state, more, after):
    change = planned(found, state, **more)
    assert (change.after, change.refusal, change.changed) == (after, "", True)
    assert change.predicted()["state"] == after.state
    again = planned(replace(found, row=after), state, **more)
    assert not again.changed and not again.refusal


@pytest.mark.parametrize(
    ("found", "state", "more"),
    [
        (at("open", 4), "closed", {"epoch": 4}),
        (at("open", 3), "closed", {"epoch": 9, "seen": 2}),
        (at("closed", 3), "closed", {"epoch": 4}),
        (at("closed", 5), "handed_over", {"epoch": 4}),
        (at("open", 5), "handed_over", {"epoch": 4}),
        (at("handed_over", 4), "open", {"epoch": 4}),
        (at("open", 7), "open", {"epoch": 4}),
    ],
)
def test_moves_that_somebody_else_has_decided(found, state, more):
    change = planned(found, state, **more)
    assert "can't follow. Nothing was changed." in change.refusal


def test_epoch_is_needed():
    assert "name the epoch" in planned(WHOLE, "closed").refusal
    assert "has no fence. Put it in first" in planned(BARE, "closed", epoch=1).refusal


def test_closing_a_fence_with_a_hole_is_refused():
    holed = replace(WHOLE, tables=(replace(WHOLE.tables[0], trigger="disabled"), WHOLE.tables[1]))
    assert (
        "can't be closed: the trigger zz_migration_fence is disabled on public.orders."
        in planned(holed, "closed", epoch=4).refusal
    )


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"event_triggers": frozenset({"zz_migration_ddl"})}, "its event trigger zz_migration_drop is missing"),
        ({"functions": frozenset()}, "its function migration.refuse_write was altered"),
        ({"foreign_tables": ("public.far",)}, "public.far of another server can't be fenced here"),
        ({"event_triggers_fire": False}, "event_triggers = off"),
        ({"comment": definitions.TITLE + "0"}, "another release"),
        ({"row": None}, "it is not installed"),
    ],
)
def test_problems(change, problem):
    assert WHOLE.problems() == []
    assert problem in "; ".join(replace(WHOLE, **change).problems())


def test_installation():
    change = planned(BARE, "installed")
    assert change.steps[0] == "schema migration" and change.steps[-2:] == [
        "trigger on public.orders",
        "trigger on public.ticks",
    ]
    assert change.before() == {"state": "absent", "tables": 2, "fenced": 0}
    assert change.predicted() == {"state": "open", "epoch": 0, "window": "", "direction": "", "tables": 2, "fenced": 2}
    assert not planned(WHOLE, "installed").changed
    assert "that is not the fence's" in planned(replace(BARE, comment="mine"), "installed").refusal


def test_removal():
    assert planned(WHOLE, "removed").predicted() == {"state": "absent", "tables": 2, "fenced": 0}
    assert not planned(BARE, "removed").changed
    assert "both sides could be written to" in planned(at("closed", 4), "removed").refusal
    assert "both sides could be written to" in planned(at("handed_over", 4), "removed").refusal


class Refusing:
    """A session whose statements need a lock that is free after so many attempts."""

    class Busy(Exception):
        pgcode = patience.LOCK_NOT_AVAILABLE

    def __init__(self, busy: dict[str, int]) -> None:
        self.busy, self.done = busy, []

    def cursor(self) -> Refusing:
        return self

    def __enter__(self) -> Refusing:
        return self

    def __exit__(self, *__: object) -> None:
        pass

    def fetchall(self) -> list[tuple]:
        return [(7, "app", "psql", "idle in transaction", 60)]

    def execute(self, statement: str, values: object = None) -> None:
        if self.busy.get(statement, 0) > 0:
            self.busy[statement] -= 1
            raise self.Busy
        if statement.startswith("fence"):
            self.done.append(statement)


def test_a_table_in_use_comes_last(monkeypatch):
    monkeypatch.setattr(patience, "PAUSE", 0)
    session = Refusing({"fence a": 2})
    patience.run(session, [patience.Work(name, 1, (f"fence {name}",)) for name in "abc"], 5.0)
    assert session.done == ["fence b", "fence c", "fence a"]


def test_who_is_in_the_way_is_named():
    session = Refusing({"fence a": 99})
    with pytest.raises(
        FenceError,
        match=r"within 0 seconds .*it is held by process 7 of app \(psql, idle in transaction, its transaction "
        r"60 s old\)",
    ):
        patience.run(session, [patience.Work("The fence on a", 1, ("fence a",))], 0.0)
