"""Determinism of the engine, and a row's way through claim, run and requeue."""

from __future__ import annotations

from pathlib import Path

import pytest
from journey import made_bars
from sqlalchemy.exc import OperationalError

from backtest import engine
from backtest.bars import closes
from backtest.runs import Runs
from backtest.tables import Backtest, Base
from cryptobot_common.database import Database
from cryptobot_common.settings import Settings

UP_AND_DOWN = [engine.to_units(str(price)) for price in [*range(100, 140), *range(140, 100, -1)] * 3]


def test_the_answer_is_pinned():
    """A change of these numbers is a change of every stored result: it needs a new kind, not an edit."""
    outcome = engine.run("moving-average", {"fast": 5, "slow": 20}, UP_AND_DOWN)
    assert outcome.as_dict() == engine.run("moving-average", {"fast": 5, "slow": 20}, list(UP_AND_DOWN)).as_dict()
    assert (outcome.bars, outcome.trades) == (240, 6)
    assert outcome.final_equity == "16471.01074743"


@pytest.mark.parametrize("kind", sorted(engine.SIGNALS))
def test_no_bars_and_few_bars_leave_the_cash(kind):
    for prices in ([], UP_AND_DOWN[:3]):
        assert engine.run(kind, {}, prices).final_equity == "10000.00000000"


def test_fees_are_what_a_round_trip_costs():
    flat = [engine.to_units("100")] * 12 + [engine.to_units("101")] + [engine.to_units("100")] * 12
    outcome = engine.run("momentum", {"lookback": 10}, flat, fee_bp=0)
    assert outcome.trades == 2
    assert engine.run("momentum", {"lookback": 10}, flat, fee_bp=100).return_bp < outcome.return_bp


@pytest.fixture
def database(tmp_path: Path) -> Database:
    (tmp_path / "results.sqlite").touch()
    found = Database(Settings.load("backtest", {"RESULTS_FILE": str(tmp_path / "results.sqlite")}))
    Base.metadata.create_all(found.engine)
    return found


def add(database: Database, **values: object) -> int:
    row = Backtest(owner="u", strategy_id=1, strategy_version=1, kind="momentum", symbol="BTC-USD", interval="1h",
                   parameters={}, status="queued", runs=0)  # fmt: skip
    for name, value in values.items():
        setattr(row, name, value)
    with database.begin() as session:
        session.add(row)
    return row.id


def read(database: Database, identity: int) -> Backtest:
    with database.begin() as session:
        return session.get_one(Backtest, identity)


def test_a_message_that_comes_twice_runs_once(database, tmp_path):
    (tmp_path / "BTC-USD").mkdir()
    lines = [",".join(map(repr, bar)) for bar in made_bars(50)]
    (tmp_path / "BTC-USD/1h.csv").write_text("\n".join(lines) + "\n")
    runs, identity = Runs(database, tmp_path), add(database)
    assert (runs.claim(identity), runs.claim(identity)) == (True, False)
    assert runs.run(identity) == "done"
    row = read(database, identity)
    assert (row.status, row.runs, row.result["bars"]) == ("done", 1, 50)
    assert row.input_digest == closes(tmp_path, "BTC-USD", "1h")[1]


def test_what_cannot_be_computed_fails_with_its_reason(database, tmp_path):
    identity = add(database, status="running")
    assert Runs(database, tmp_path).run(identity) == "failed"
    assert read(database, identity).error == "no bars of BTC-USD at 1h"


def test_a_new_worker_takes_up_what_the_last_one_left(database, tmp_path):
    waiting, cut_off, done = add(database), add(database, status="running", runs=1), add(database, status="done")
    assert Runs(database, tmp_path).requeue() == [waiting, cut_off]
    assert [read(database, one).status for one in (waiting, cut_off, done)] == ["queued", "queued", "done"]


def test_a_results_file_that_is_gone_is_an_error_and_is_not_made_anew(database, tmp_path):
    (tmp_path / "results.sqlite").rename(tmp_path / "elsewhere")
    with pytest.raises(OperationalError, match="unable to open database file"):
        database.check()
    assert not (tmp_path / "results.sqlite").exists()
