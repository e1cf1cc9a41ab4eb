"""A backtest's way from queued to done. The row is the truth; the queue only says that there is something to do."""

from __future__ import annotations

import logging
from pathlib import Path

from sqlalchemy import select, update

from backtest import bars, engine
from backtest.tables import Backtest
from cryptobot_common.database import Database, now

logger = logging.getLogger(__name__)


class Runs:
    """What the one worker does with rows."""

    def __init__(self, database: Database, directory: Path) -> None:
        self._database, self._directory = database, directory

    def claim(self, identity: int) -> bool:
        """Take a queued row; false when a message came twice."""
        with self._database.begin() as session:
            taken = session.execute(
                update(Backtest)
                .where(Backtest.id == identity, Backtest.status == "queued")
                .values(status="running", runs=Backtest.runs + 1)
            )
            return taken.rowcount == 1

    def run(self, identity: int) -> str:
        """Compute a claimed row and write its answer; the status it ended with."""
        with self._database.begin() as session:
            row = session.get_one(Backtest, identity)
        values: dict[str, object]
        try:
            closes, digest = bars.closes(self._directory, row.symbol, row.interval)
            outcome = engine.run(row.kind, row.parameters, closes)
            values = {"status": "done", "result": outcome.as_dict(), "input_digest": digest}
        except (bars.NoBars, ValueError, ArithmeticError) as error:
            values = {"status": "failed", "error": str(error)[:500]}
        with self._database.begin() as session:
            session.execute(
                update(Backtest)
                .where(Backtest.id == identity, Backtest.status == "running")
                .values(finished_at=now(), **values)
            )
        logger.info("backtest finished", extra={"fields": {"backtest": identity, "status": values["status"]}})
        return str(values["status"])

    def requeue(self) -> list[int]:
        """Rows that no message may lead to any more. Only for the start of the one worker: nobody else runs any."""
        with self._database.begin() as session:
            session.execute(update(Backtest).where(Backtest.status == "running").values(status="queued"))
            return list(session.scalars(select(Backtest.id).where(Backtest.status == "queued").order_by(Backtest.id)))
