"""A loop that works through the signals of `trading-api`, with a health port. One leads, by a lease in Redis."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import time
from pathlib import Path
from typing import Any

from sqlalchemy import select

from cryptobot_common import Service
from cryptobot_common.context import bearer_token, new_request_id, request_id
from cryptobot_common.errors import Problem
from cryptobot_common.tokens import Anyone
from orchestrator.plan import Plan
from orchestrator.tables import Run

logger = logging.getLogger(__name__)

service = Service("orchestrator", uses=("database", "redis"), checks={"loop": lambda: loop.check()})
app = service.app
plan = Plan.load(Path(os.environ.get("CONFIG_TOML", "config.toml")))

# A lease is renewed by its holder alone: compare and set, in one step.
_RENEW = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('expire', KEYS[1], ARGV[2]) else return 0 end"
_RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end"


class Loop:
    """The rounds of this process."""

    def __init__(self) -> None:
        self.name = secrets.token_hex(8)
        self.leads = False
        self.last_round = time.monotonic()

    def check(self) -> None:
        """The loop must turn; what a round meets (no leader, no trading-api) is not its fault."""
        silent = time.monotonic() - self.last_round
        if silent > 30 + 3 * plan.interval:
            raise RuntimeError(f"the loop has been silent for {silent:.0f} s")

    def _key(self) -> str:
        return service.cache.key("leader")

    def lead(self) -> bool:
        client = service.cache.client
        self.leads = bool(
            client.set(self._key(), self.name, nx=True, ex=plan.lease)
            or client.eval(_RENEW, 1, self._key(), self.name, plan.lease)
        )
        return self.leads

    def resign(self) -> None:
        if self.leads:
            service.cache.client.eval(_RELEASE, 1, self._key(), self.name)

    def handle(self) -> tuple[int, int]:
        """Complete what is new; how many were, and how many could not be."""
        bearer_token.set("")  # in this service's own name, whoever asked for the round
        handled = failed = 0
        for signal in service.peers.get("trading-api", "/signals", status="new", limit=plan.batch)["items"]:
            try:
                service.peers.post("trading-api", f"/signals/{signal['id']}/completion", plan.decide(signal))
                handled += 1
            except Problem as problem:
                logger.warning("signal", extra={"fields": {"signal": signal["id"], "why": problem.message}})
                failed += 1
        return handled, failed

    def record(self, cause: str, handled: int, failed: int) -> Run:
        run = Run(cause=cause, handled=handled, failed=failed)
        with service.database.begin() as session:
            session.add(run)
        return run

    def rest(self) -> None:
        self.last_round = time.monotonic()

    def turn(self) -> None:
        request_id.set(new_request_id())
        try:
            if self.lead() and any(counts := self.handle()):
                self.record("loop", *counts)
        except Exception as error:  # the loop must outlive whatever a round meets
            logger.warning("round failed", extra={"fields": {"error": repr(error)}})
        self.rest()


loop = Loop()


@service.background
async def turn_for_ever() -> None:
    """``background: false`` is for an instance that stands by."""
    works = service.settings.value("background", True)
    try:
        while True:
            await asyncio.to_thread(loop.turn if works else loop.rest)
            await asyncio.sleep(plan.interval)
    finally:
        loop.resign()


def _view(run: Run) -> dict[str, Any]:
    return {name: getattr(run, name) for name in ("id", "cause", "handled", "failed", "created_at")}


@app.get("/status")
def status(_: Anyone) -> dict[str, Any]:
    with service.database.begin() as session:
        last = session.scalar(select(Run).order_by(Run.id.desc()).limit(1))
    last_run = _view(last) if last else None
    return {"name": loop.name, "leads": loop.leads, "interval": plan.interval, "last_run": last_run}


@app.post("/runs", status_code=201)
def run_now(_: Anyone) -> dict[str, Any]:
    """A round at once; harmless beside the loop, since each signal is completed once."""
    return _view(loop.record("request", *loop.handle()))


@app.get("/runs")
def runs(_: Anyone, limit: int = 100) -> dict[str, Any]:
    query = select(Run).order_by(Run.id.desc()).limit(min(limit, 10_000))
    with service.database.begin() as session:
        return {"items": [_view(run) for run in session.scalars(query)]}
