"""Orders, positions, read-only mode and reconciliation."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from typing import Any

from fastapi import Response
from pydantic import BaseModel
from sqlalchemy import select

from cryptobot_common import Service
from cryptobot_common.errors import unavailable
from cryptobot_common.tokens import Anyone, ServiceOnly, User
from trade.orders import Desk, Draft, plain, view
from trade.reconciliation import Exchange, reconcile
from trade.tables import Order, Reconciliation

service = Service("trade", uses=("database", "redis"))
app = service.app


class Mode(BaseModel):
    read_only: bool


@cache
def desk() -> Desk:
    return Desk(service.database, service.peers)


@cache
def exchange() -> Exchange:
    url = service.settings.value("exchange_url", "")
    if not url:
        raise unavailable("no_exchange", "set exchange_url (or EXCHANGE_URL), for example http://127.0.0.1:9100")
    return Exchange(url)


def is_read_only() -> bool:
    """The setting holds for this process, the key for all of them."""
    key = service.cache.key("read_only")
    return service.settings.value("read_only", False) or service.cache.client.get(key) == "1"


@app.post("/orders", status_code=201)
def place(draft: Draft, who: Anyone, response: Response) -> dict[str, Any]:
    """201 for a new order, 200 for one that was sent before, 202 while nobody knows what became of it."""
    if is_read_only():
        raise unavailable("read_only", "orders are not accepted at the moment")
    order, is_new = desk().place(draft, who)
    response.status_code = 202 if order.status == "pending" else 201 if is_new else 200
    return view(order)


@app.get("/orders")
def index(
    who: Anyone,
    symbol: str | None = None,
    mode: str | None = None,
    status: str | None = None,
    strategy_id: int | None = None,
    limit: int = 100,
) -> dict[str, Any]:
    query = select(Order).order_by(Order.id.desc()).limit(min(limit, 10_000))
    wanted = {"symbol": symbol, "mode": mode, "status": status, "strategy_id": strategy_id}
    for name, value in wanted.items():
        if value is not None:
            query = query.where(getattr(Order, name) == value)
    if not who.is_service:
        query = query.where(Order.owner == who.subject)
    with service.database.begin() as session:
        return {"items": [view(order) for order in session.scalars(query)]}


@app.get("/orders/{client_order_id}")
def show(client_order_id: str, who: Anyone) -> dict[str, Any]:
    return view(desk().visible(client_order_id, who))


@app.get("/positions")
def positions(who: User, mode: str = "live") -> dict[str, Any]:
    """What is held by symbol, with the mean price of what was bought."""
    done = Order.status.in_(("accepted", "filled"))
    query = select(Order).where(Order.mode == mode, done, Order.owner == who.subject)
    held: dict[str, list[Decimal]] = {}
    with service.database.begin() as session:
        for order in session.scalars(query.order_by(Order.id)):
            line = held.setdefault(order.symbol, [Decimal(0), Decimal(0), Decimal(0)])
            line[0] += order.quantity if order.side == "buy" else -order.quantity
            if order.side == "buy":
                line[1] += order.quantity
                line[2] += order.quantity * order.price
    return {
        "mode": mode,
        "items": [
            {
                "symbol": symbol,
                "quantity": plain(quantity),
                "mean_price": plain(round(paid / bought, 8)) if bought else None,
            }
            for symbol, (quantity, bought, paid) in sorted(held.items())
        ],
    }


@app.get("/mode")
def mode(_: Anyone) -> dict[str, bool]:
    return {"read_only": is_read_only()}


@app.put("/mode")
def set_mode(wanted: Mode, _: ServiceOnly) -> dict[str, bool]:
    service.cache.client.set(service.cache.key("read_only"), "1" if wanted.read_only else "0")
    return {"read_only": is_read_only()}


@app.post("/reconciliations", status_code=201)
def run_reconciliation(_: Anyone) -> dict[str, Any]:
    if is_read_only():
        raise unavailable("read_only", "reconciliation settles orders; it waits for the end of read-only mode")
    return reconcile(service.database, desk(), exchange())


@app.get("/reconciliations")
def reconciliations(_: Anyone, limit: int = 20) -> dict[str, Any]:
    query = select(Reconciliation).order_by(Reconciliation.id.desc()).limit(min(limit, 10_000))
    with service.database.begin() as session:
        rows = session.scalars(query).all()
    return {
        "items": [{"id": row.id, "checked": row.checked, "created_at": row.created_at} | row.findings for row in rows]
    }
