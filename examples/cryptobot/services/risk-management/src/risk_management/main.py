"""Limits that an order must keep."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

from pydantic import BaseModel, Field

from cryptobot_common import Service
from cryptobot_common.tokens import User

service = Service("risk-management")
app = service.app


class Candidate(BaseModel):
    strategy_id: int
    side: Literal["buy", "sell"]
    quantity: Decimal = Field(gt=0, max_digits=28, decimal_places=8)
    price: Decimal = Field(gt=0, max_digits=28, decimal_places=8)


def judge(candidate: Candidate, active: bool, held: Decimal, most_value: Decimal, most_held: Decimal) -> list[str]:
    """Why the order must not be placed; nothing when it may."""
    reasons = [] if active else ["the strategy is not active"]
    if candidate.quantity * candidate.price > most_value:
        reasons.append(f"the order is worth more than {most_value}")
    if candidate.side == "buy" and held + candidate.quantity > most_held:
        reasons.append(f"more than {most_held} would be held")
    if candidate.side == "sell" and candidate.quantity > held:
        reasons.append(f"only {held} is held")
    return reasons


def _limits() -> tuple[Decimal, Decimal]:
    settings = service.settings
    return Decimal(settings.value("max_order_value", 100_000)), Decimal(settings.value("max_position", 100))


@app.post("/checks")
def check(candidate: Candidate, _: User) -> dict[str, Any]:
    strategy = service.peers.get("strategy", f"/strategies/{candidate.strategy_id}")
    positions = service.peers.get("trade", "/positions", mode="live")["items"]
    held = next((Decimal(one["quantity"]) for one in positions if one["symbol"] == strategy["symbol"]), Decimal(0))
    reasons = judge(candidate, strategy["active"], held, *_limits())
    return {"allowed": not reasons, "reasons": reasons, "symbol": strategy["symbol"], "held": str(held)}


@app.get("/exposure")
def exposure(_: User) -> dict[str, Any]:
    """Positions as parts of what may be held."""
    _, most_held = _limits()
    positions = service.peers.get("trade", "/positions", mode="live")["items"]
    return {
        "max_position": str(most_held),
        "items": [one | {"used": f"{Decimal(one['quantity']) / most_held:.4f}"} for one in positions],
    }
