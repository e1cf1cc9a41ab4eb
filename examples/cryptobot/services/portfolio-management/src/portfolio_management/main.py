"""What is held, at the latest prices."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

from cryptobot_common import Service
from cryptobot_common.tokens import User

service = Service("portfolio-management")
app = service.app


def value(positions: list[dict[str, Any]], prices: dict[str, Decimal]) -> list[dict[str, Any]]:
    """Positions with their worth and what was gained; nothing where no price is known."""
    lines = []
    for position in positions:
        price, mean = prices.get(position["symbol"]), position["mean_price"]
        quantity = Decimal(position["quantity"])
        lines.append(
            position
            | {
                "price": None if price is None else str(price),
                "worth": None if price is None else str(quantity * price),
                "gain": None if price is None or mean is None else str(quantity * (price - Decimal(mean))),
            }
        )
    return lines


@app.get("/portfolio")
def portfolio(_: User, mode: Literal["live", "paper"] = "live") -> dict[str, Any]:
    positions = service.peers.get("trade", "/positions", mode=mode)["items"]
    prices = {tick["symbol"]: Decimal(tick["price"]) for tick in service.peers.get("data", "/prices")["items"]}
    lines = value(positions, prices)
    total = sum((Decimal(line["worth"]) for line in lines if line["worth"]), Decimal(0))
    return {"mode": mode, "positions": lines, "total": str(total)}
