"""Compares the orders kept here with those the exchange has, by client order id."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import httpx
from sqlalchemy import select

from cryptobot_common.context import REQUEST_ID_HEADER, request_id
from cryptobot_common.database import Database
from cryptobot_common.errors import unavailable
from trade.orders import Desk
from trade.tables import Order, Reconciliation


@dataclass(frozen=True)
class Findings:
    """Client order ids: of orders settled by this run, and of those that the two sides disagree about."""

    settled: list[str] = field(default_factory=list)
    undecided: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not (self.undecided or self.missing or self.doubled or self.unknown)


def compare(accepted: Collection[str], known: Collection[str], at_exchange: Mapping[str, int]) -> dict[str, list[str]]:
    """What is accepted here but not there, more than once there, and there without being known here."""
    return {
        "missing": sorted(set(accepted) - set(at_exchange)),
        "doubled": sorted(one for one, count in at_exchange.items() if count > 1),
        "unknown": sorted(set(at_exchange) - set(known)),
    }


class Exchange:
    """Read access; orders go through the gateway alone. No token of ours is sent there."""

    def __init__(self, url: str, client: httpx.Client | None = None) -> None:
        self._url = url.rstrip("/")
        self._client = client or httpx.Client(timeout=10, trust_env=False)

    def orders(self) -> Counter[str]:
        try:
            answer = self._client.get(f"{self._url}/orders", headers={REQUEST_ID_HEADER: request_id.get()})
            answer.raise_for_status()
        except httpx.HTTPError as error:
            raise unavailable("exchange_unavailable", f"the exchange did not answer: {error!r}") from error
        return Counter(order["client_order_id"] for order in answer.json()["orders"])


def _live_orders(database: Database) -> list[tuple[str, str]]:
    with database.begin() as session:
        query = select(Order.client_order_id, Order.status).where(Order.mode == "live")
        return [(name, status) for name, status in session.execute(query)]


def reconcile(database: Database, desk: Desk, exchange: Exchange) -> dict[str, Any]:
    """Settle what is pending, compare, keep the result."""
    with database.begin() as session:
        pending = list(session.scalars(select(Order).where(Order.status == "pending", Order.mode == "live")))
    settled = [desk.settle(order) for order in pending]
    # Orders go on meanwhile: what must be there is read before the exchange, what may be there after it.
    accepted = {name for name, status in _live_orders(database) if status == "accepted"}
    at_exchange = exchange.orders()
    rows = _live_orders(database)
    findings = Findings(
        settled=[order.client_order_id for order in settled if order.status != "pending"],
        undecided=[order.client_order_id for order in settled if order.status == "pending"],
        **compare(accepted, {name for name, _ in rows}, at_exchange),
    )
    row = Reconciliation(checked=len(rows), findings=asdict(findings) | {"clean": findings.clean})
    with database.begin() as session:
        session.add(row)
    return {"id": row.id, "checked": row.checked, "created_at": row.created_at} | row.findings
