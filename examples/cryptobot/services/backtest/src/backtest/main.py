"""Queue backtests and show their answers."""

from __future__ import annotations

import logging
from functools import cache
from pathlib import Path
from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError
from pydantic import BaseModel, Field
from sqlalchemy import func, select

from backtest import bars, broker
from backtest.tables import Backtest
from cryptobot_common import Service
from cryptobot_common.context import request_id
from cryptobot_common.errors import not_found, unavailable
from cryptobot_common.tokens import Anyone, User

logger = logging.getLogger(__name__)


@cache
def bars_directory() -> Path:
    return Path(service.settings.require("BARS_DIR", "/var/lib/cryptobot-datastores/bars"))


@cache
def queue() -> Celery:
    return broker.make_celery(service.settings)


service = Service(
    "backtest",
    checks={
        "sqlite": lambda: service.database.check(),
        "files": lambda: bars.check(bars_directory()),
        "broker": lambda: broker.check(service.settings),
    },
)
app = service.app


class Wanted(BaseModel):
    strategy_id: int
    version: int | None = None
    interval: str = Field(default="1h", pattern=r"^[1-9][0-9]?[mhd]$")


def _view(row: Backtest) -> dict[str, Any]:
    return {column.key: getattr(row, column.key) for column in Backtest.__table__.columns if column.key != "owner"}


@app.post("/backtests", status_code=201)
def start(wanted: Wanted, who: User) -> dict[str, Any]:
    """Keep the row, then tell the worker; without a queue the row is taken back."""
    strategy = service.peers.get("strategy", f"/strategies/{wanted.strategy_id}", version=wanted.version)
    if not bars.exists(bars_directory(), strategy["symbol"], wanted.interval):
        raise not_found(f"a file of {strategy['symbol']} bars at {wanted.interval}")
    row = Backtest(
        owner=who.subject,
        strategy_id=strategy["id"],
        strategy_version=strategy["version"],
        kind=strategy["kind"],
        symbol=strategy["symbol"],
        interval=wanted.interval,
        parameters=strategy["parameters"],
        status="queued",
        runs=0,
    )
    with service.database.begin() as session:
        session.add(row)
    try:
        queue().send_task("backtest.run", (row.id, request_id.get()), retry=False)
    except OperationalError as error:
        logger.error("broker: %s", error)
        with service.database.begin() as session:
            session.delete(session.get_one(Backtest, row.id))
        raise unavailable("broker_unavailable", "the queue cannot be reached") from error
    return _view(row)


@app.get("/backtests")
def index(who: Anyone, strategy_id: int | None = None, symbol: str | None = None, limit: int = 100) -> dict[str, Any]:
    query = select(Backtest).order_by(Backtest.id.desc()).limit(min(limit, 10_000))
    if not who.is_service:
        query = query.where(Backtest.owner == who.subject)
    if strategy_id is not None:
        query = query.where(Backtest.strategy_id == strategy_id)
    if symbol is not None:
        query = query.where(Backtest.symbol == symbol)
    with service.database.begin() as session:
        return {"items": [_view(row) for row in session.scalars(query)]}


@app.get("/backtests/{identity}")
def show(identity: int, who: Anyone) -> dict[str, Any]:
    with service.database.begin() as session:
        row = session.get(Backtest, identity)
    if not row or not (who.is_service or row.owner == who.subject):
        raise not_found(f"backtest {identity}")
    return _view(row)


@app.get("/backtests/{identity}/coverage")
def coverage(identity: int, who: Anyone) -> dict[str, Any]:
    """Whether `data` still has the bars that the answer was computed from, and how many rows are waiting."""
    row = show(identity, who)
    found = service.peers.get("data", f"/bars/{row['symbol']}/{row['interval']}", limit=50_000)["bars"]
    with service.database.begin() as session:
        waiting = session.scalar(select(func.count()).where(Backtest.status == "queued"))
    used = (row["result"] or {}).get("bars", 0)
    return {"id": identity, "bars_used": used, "bars_now": len(found), "waiting": waiting}
