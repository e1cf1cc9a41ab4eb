"""An order's way: kept as pending, then filled on paper or handed to the gateway. The client order id makes it one."""

from __future__ import annotations

import logging
from decimal import Decimal
from typing import Any, Literal

from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from cryptobot_common.database import Database
from cryptobot_common.errors import Problem, conflict, not_found, unauthorized
from cryptobot_common.peers import Peers
from cryptobot_common.tokens import Principal
from trade.tables import Order

logger = logging.getLogger(__name__)


class Draft(BaseModel):
    client_order_id: str = Field(pattern=r"^[A-Za-z0-9._-]{4,64}$")
    symbol: str = Field(pattern=r"^[A-Z0-9]{2,10}-[A-Z0-9]{2,10}$")
    side: Literal["buy", "sell"]
    quantity: Decimal = Field(gt=0, max_digits=28, decimal_places=8)
    price: Decimal | None = Field(default=None, gt=0, max_digits=28, decimal_places=8)
    strategy_id: int | None = None
    mode: Literal["live", "paper"] = "live"


def plain(number: Decimal) -> str:
    """``0.50000000`` → ``0.5``, never with an exponent."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def view(order: Order) -> dict[str, Any]:
    names = ("id", "client_order_id", "strategy_id", "mode", "symbol", "side", "status", "exchange_order_id", "error")
    shown = {name: getattr(order, name) for name in (*names, "created_at", "updated_at")}
    return shown | {"quantity": plain(order.quantity), "price": plain(order.price)}


def same(order: Order, draft: Draft, owner: str) -> bool:
    """Whether *draft* repeats *order*; a market order's price was filled in, so it says nothing."""
    return (order.owner, order.symbol, order.side, order.quantity, order.mode, order.strategy_id) == (
        owner,
        draft.symbol,
        draft.side,
        draft.quantity,
        draft.mode,
        draft.strategy_id,
    ) and draft.price in (None, order.price)


class Desk:
    """Accepts orders and carries them out."""

    def __init__(self, database: Database, peers: Peers) -> None:
        self._database, self._peers = database, peers

    def find(self, client_order_id: str) -> Order | None:
        with self._database.begin() as session:
            return session.scalar(select(Order).where(Order.client_order_id == client_order_id))

    def place(self, draft: Draft, who: Principal) -> tuple[Order, bool]:
        """The order, and whether it is new. A repeated one is answered with what became of the first."""
        order = self.find(draft.client_order_id)
        is_new = order is None
        if order is None:
            price = self._admit(draft, who)
            order, is_new = self._keep(draft, price, who.subject)
        if not same(order, draft, who.subject):
            raise conflict(f"client order id {draft.client_order_id} was used for another order")
        return self.settle(order), is_new

    def _admit(self, draft: Draft, who: Principal) -> Decimal:
        """Everything that must be true before an order exists; its price."""
        if draft.mode == "live" and not self._peers.get("auth", "/introspect")["active"]:
            raise unauthorized("the session has ended; log in again")
        if draft.strategy_id is not None:
            strategy = self._peers.get("strategy", f"/strategies/{draft.strategy_id}")
            if not strategy["active"]:
                raise conflict(f"strategy {draft.strategy_id} is not active")
        if draft.price is not None:
            return draft.price
        return Decimal(self._peers.get("data", f"/prices/{draft.symbol}")["price"])

    def _keep(self, draft: Draft, price: Decimal, owner: str) -> tuple[Order, bool]:
        order = Order(**draft.model_dump(exclude={"price"}), price=price, owner=owner, status="pending")
        try:
            with self._database.begin() as session:
                session.add(order)
            return order, True
        except IntegrityError:
            known = self.find(draft.client_order_id)
            if known is None:
                raise
            return known, False

    def settle(self, order: Order) -> Order:
        """Bring a pending order to its end, if that can be known now. Safe to repeat: the gateway knows its id."""
        if order.status != "pending":
            return order
        if order.mode == "paper":
            return self._update(order.client_order_id, status="filled")
        try:
            answer = self._peers.post(
                "execution-gateway",
                "/orders",
                {
                    "client_order_id": order.client_order_id,
                    "symbol": order.symbol,
                    "side": order.side,
                    "quantity": plain(order.quantity),
                    "price": plain(order.price),
                },
            )
        except Problem as problem:
            if problem.status in {400, 409, 422}:
                return self._update(order.client_order_id, status="rejected", error=problem.message[:500])
            # Nobody knows whether it was placed: it stays pending, and reconciliation asks.
            fields = {"order": order.client_order_id, "why": problem.message}
            logger.warning("order undecided", extra={"fields": fields})
            return order
        return self._update(
            order.client_order_id, status=answer["status"], exchange_order_id=answer["exchange_order_id"], error=None
        )

    def _update(self, client_order_id: str, **values: Any) -> Order:
        with self._database.begin() as session:
            query = select(Order).where(Order.client_order_id == client_order_id).with_for_update()
            order = session.scalars(query).one()
            if order.status == "pending":
                for name, value in values.items():
                    setattr(order, name, value)
        return order

    def visible(self, client_order_id: str, who: Principal) -> Order:
        order = self.find(client_order_id)
        if not order or not (who.is_service or order.owner == who.subject):
            raise not_found(f"order {client_order_id}")
        return order
