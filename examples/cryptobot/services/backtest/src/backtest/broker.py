"""The queue: Celery over Redis, within the service's key prefix."""

from __future__ import annotations

import os
from urllib.parse import quote, urlsplit, urlunsplit

import redis
from celery import Celery

from cryptobot_common.settings import Settings

QUEUE = "backtests"


def broker_url(settings: Settings) -> str:
    """``BROKER_URL`` with the password put in, which Celery takes from nowhere else."""
    parts = urlsplit(settings.require("BROKER_URL", "redis://backtest@127.0.0.1:6379/0"))
    password = settings.text("REDIS_PASSWORD")
    if not password or parts.password:
        return urlunsplit(parts)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username or ''}:{quote(password, safe='')}@{host}"))


def prefix(settings: Settings) -> str:
    return settings.variables.get("REDIS_PREFIX") or f"{settings.service}:"


def make_celery(settings: Settings) -> Celery:
    """No result backend: results are rows. Nothing is acknowledged late: `Runs.requeue` finds what was cut off."""
    # Celery's command line sets this one from BROKER_URL, which has no password, and lets it win.
    os.environ.pop("CELERY_BROKER_URL", None)
    app = Celery("backtest", broker=broker_url(settings))
    app.conf.update(
        task_default_queue=QUEUE,
        task_ignore_result=True,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
        broker_connection_retry_on_startup=True,
        broker_transport_options={
            "global_keyprefix": prefix(settings),
            "socket_timeout": 10,
            "socket_connect_timeout": 3,
            "retry_on_timeout": True,
        },
    )
    return app


def check(settings: Settings) -> None:
    """Look at the queue's length: it needs the right to read, and changes nothing."""
    client = redis.Redis.from_url(broker_url(settings), socket_timeout=3, socket_connect_timeout=2)
    try:
        client.llen(prefix(settings) + QUEUE)
    finally:
        client.close()
