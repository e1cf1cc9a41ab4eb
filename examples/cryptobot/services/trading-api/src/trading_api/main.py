"""Signals in, their fate out; the state of gateway and orchestrator."""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import BaseModel, Field
from sqlalchemy import select

from cryptobot_common import Service
from cryptobot_common.database import now
from cryptobot_common.errors import Problem, conflict, not_found
from cryptobot_common.tokens import Anyone, ServiceOnly, User
from trading_api.tables import Signal

service = Service("trading-api", uses=("database", "redis"))
app = service.app


class Draft(BaseModel):
    symbol: str = Field(pattern=r"^[A-Z0-9]{2,10}-[A-Z0-9]{2,10}$")
    side: Literal["buy", "sell"]


class Completion(BaseModel):
    status: Literal["done", "failed"]
    note: str = Field(default="", max_length=200)


def _view(signal: Signal) -> dict[str, Any]:
    names = ("id", "owner", "symbol", "side", "status", "note", "created_at", "done_at")
    return {name: getattr(signal, name) for name in names}


@app.post("/signals", status_code=201)
def create(draft: Draft, who: User) -> dict[str, Any]:
    signal = Signal(owner=who.subject, symbol=draft.symbol, side=draft.side, status="new")
    with service.database.begin() as session:
        session.add(signal)
    return _view(signal)


@app.get("/signals")
def index(who: Anyone, status: str | None = None, limit: int = 100) -> dict[str, Any]:
    """A user's own, the newest first; a service sees all, the oldest first, as it works through them."""
    order = Signal.id.asc() if who.is_service else Signal.id.desc()
    query = select(Signal).order_by(order).limit(min(limit, 10_000))
    if not who.is_service:
        query = query.where(Signal.owner == who.subject)
    if status is not None:
        query = query.where(Signal.status == status)
    with service.database.begin() as session:
        return {"items": [_view(signal) for signal in session.scalars(query)]}


@app.post("/signals/{identity}/completion")
def complete(identity: int, completion: Completion, _: ServiceOnly) -> dict[str, Any]:
    """Once: the second one is told that it comes too late."""
    with service.database.begin() as session:
        signal = session.get(Signal, identity, with_for_update=True)
        if not signal:
            raise not_found(f"signal {identity}")
        if signal.status != "new":
            raise conflict(f"signal {identity} is {signal.status} already")
        signal.status, signal.note, signal.done_at = completion.status, completion.note, now()
    return _view(signal)


@app.get("/executions/{client_order_id}")
def execution(client_order_id: str, _: Anyone) -> dict[str, Any]:
    """What the gateway knows of an order."""
    return service.peers.get("execution-gateway", f"/orders/{client_order_id}")


@app.get("/status")
def status(_: Anyone) -> dict[str, Any]:
    """Gateway and orchestrator, asked at most once in `status_seconds`."""
    key = service.cache.key("status")
    if text := service.cache.client.get(key):
        return json.loads(text)

    def ask(peer: str, path: str) -> Any:
        try:
            return service.peers.get(peer, path)
        except Problem as problem:
            return {"unavailable": problem.message}

    answer = {
        "gateway": ask("execution-gateway", "/internal/ping"),
        "orchestrator": ask("orchestrator", "/status"),
    }
    service.cache.client.set(key, json.dumps(answer), ex=service.settings.value("status_seconds", 2))
    return answer
