"""Paper orders of active strategies; `trade` keeps them."""

from __future__ import annotations

import secrets
from decimal import Decimal
from typing import Any, Literal

from pydantic import BaseModel, Field

from cryptobot_common import Service
from cryptobot_common.errors import conflict
from cryptobot_common.tokens import User

service = Service("paper-trading")
app = service.app


class PaperOrder(BaseModel):
    strategy_id: int
    side: Literal["buy", "sell"]
    quantity: Decimal = Field(gt=0, max_digits=28, decimal_places=8)
    client_order_id: str | None = Field(default=None, pattern=r"^[A-Za-z0-9._-]{4,64}$")


@app.post("/orders", status_code=201)
def place(order: PaperOrder, _: User) -> dict[str, Any]:
    """Needs an active strategy; filled at the latest price."""
    strategy = service.peers.get("strategy", f"/strategies/{order.strategy_id}")
    if not strategy["active"]:
        raise conflict(f"strategy {order.strategy_id} is not active")
    return service.peers.post(
        "trade",
        "/orders",
        {
            "client_order_id": order.client_order_id or f"paper-{secrets.token_hex(12)}",
            "symbol": strategy["symbol"],
            "side": order.side,
            "quantity": str(order.quantity),
            "strategy_id": order.strategy_id,
            "mode": "paper",
        },
    )


@app.get("/orders")
def orders(_: User, limit: int = 100) -> dict[str, Any]:
    return service.peers.get("trade", "/orders", mode="paper", limit=limit)


@app.get("/positions")
def positions(_: User) -> dict[str, Any]:
    return service.peers.get("trade", "/positions", mode="paper")
