"""Reports over orders and holdings."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from cryptobot_common import Service
from cryptobot_common.tokens import User

service = Service("reporting")
app = service.app


def summarise(orders: list[dict[str, Any]]) -> dict[str, Any]:
    """Counts and turnover of orders as `trade` shows them."""
    done = [order for order in orders if order["status"] in {"accepted", "filled"}]
    turnover = sum((Decimal(order["quantity"]) * Decimal(order["price"]) for order in done), Decimal(0))
    return {
        "orders": len(orders),
        "by_status": dict(sorted(Counter(order["status"] for order in orders).items())),
        "by_mode": dict(sorted(Counter(order["mode"] for order in orders).items())),
        "turnover": str(turnover),
    }


@app.get("/reports/summary")
def summary(_: User) -> dict[str, Any]:
    orders = service.peers.get("trade", "/orders", limit=10_000)["items"]
    portfolios = {}
    for mode in ("live", "paper"):
        found = service.peers.get("portfolio-management", "/portfolio", mode=mode)
        portfolios[mode] = {"total": found["total"], "positions": found["positions"]}
    return {"at": datetime.now(UTC), **summarise(orders), "portfolios": portfolios}
