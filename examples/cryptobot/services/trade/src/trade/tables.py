"""Orders, and the record of each reconciliation."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from cryptobot_common.database import Base, Created, Identity, Money, now

__all__ = ["Base", "Order", "Reconciliation"]


class Order(Created, Base):
    """``pending`` is written before anybody else hears of the order, so that none can be forgotten."""

    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(Identity, primary_key=True)
    client_order_id: Mapped[str] = mapped_column(String(64), unique=True)
    owner: Mapped[str] = mapped_column(String(64), index=True)
    strategy_id: Mapped[int | None] = mapped_column(BigInteger, index=True)
    mode: Mapped[str] = mapped_column(String(5))
    symbol: Mapped[str] = mapped_column(String(20), index=True)
    side: Mapped[str] = mapped_column(String(4))
    quantity: Mapped[Decimal] = mapped_column(Money)
    price: Mapped[Decimal] = mapped_column(Money)
    status: Mapped[str] = mapped_column(String(10), default="pending", index=True)
    exchange_order_id: Mapped[str | None] = mapped_column(String(64))
    error: Mapped[str | None] = mapped_column(String(500))
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=now, onupdate=now)


class Reconciliation(Created, Base):
    __tablename__ = "reconciliations"

    id: Mapped[int] = mapped_column(Identity, primary_key=True)
    checked: Mapped[int] = mapped_column(Integer)
    findings: Mapped[dict[str, Any]] = mapped_column(JSON)
