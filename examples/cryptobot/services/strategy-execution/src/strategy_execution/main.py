"""Turns an active strategy into an order, once a signal."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

from pydantic import BaseModel, Field

from cryptobot_common import Service
from cryptobot_common.errors import conflict
from cryptobot_common.tokens import User

service = Service("strategy-execution")
app = service.app


class Signal(BaseModel):
    """The key names the occasion (a bar's time, say): the same occasion never gives two orders."""

    strategy_id: int
    key: str = Field(pattern=r"^[A-Za-z0-9._-]{1,32}$")
    side: Literal["buy", "sell"]
    mode: Literal["live", "paper"] = "paper"


def client_order_id(strategy_id: int, version: int, key: str) -> str:
    return f"s{strategy_id}-v{version}-{key}"


@app.post("/executions")
def execute(signal: Signal, _: User) -> dict[str, Any]:
    strategy = service.peers.get("strategy", f"/strategies/{signal.strategy_id}")
    if not strategy["active"]:
        raise conflict(f"strategy {signal.strategy_id} is not active")
    running = service.peers.get("strategy", f"/strategies/{signal.strategy_id}", version=strategy["active_version"])
    return service.peers.post(
        "trade",
        "/orders",
        {
            "client_order_id": client_order_id(strategy["id"], running["version"], signal.key),
            "symbol": running["symbol"],
            "side": signal.side,
            "quantity": str(Decimal(str(running["parameters"].get("quantity", 1)))),
            "strategy_id": strategy["id"],
            "mode": signal.mode,
        },
    )


@app.get("/executions/{strategy_id}")
def executions(strategy_id: int, _: User) -> dict[str, Any]:
    return service.peers.get("trade", "/orders", strategy_id=strategy_id)
