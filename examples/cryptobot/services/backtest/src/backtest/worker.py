"""The Celery worker: ``celery -A backtest.worker worker``. There is one; what it does not finish it finds again."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from celery.signals import setup_logging, worker_ready

from backtest.broker import make_celery
from backtest.runs import Runs
from cryptobot_common import logs
from cryptobot_common.context import request_id
from cryptobot_common.database import Database
from cryptobot_common.settings import Settings

settings = Settings.load("backtest")
app = make_celery(settings)


@cache
def runs() -> Runs:
    """Made in the process that runs tasks: an engine does not survive a fork."""
    return Runs(Database(settings), Path(settings.require("BARS_DIR", "/var/lib/cryptobot-datastores/bars")))


@setup_logging.connect
def json_logs(**_: Any) -> None:
    logs.configure("backtest", settings.value("log_level", "info"))


@app.task(name="backtest.run")
def run(identity: int, request: str = "") -> None:
    """The web process sends this by its name."""
    token = request_id.set(request)
    try:
        if runs().claim(identity):
            runs().run(identity)
    finally:
        request_id.reset(token)


@worker_ready.connect
def requeue(**_: Any) -> None:
    database = Database(settings)
    try:
        for identity in Runs(database, Path()).requeue():
            run.delay(identity)
    finally:
        database.close()
