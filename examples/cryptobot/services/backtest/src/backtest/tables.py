"""Backtests, queued by the web process and finished by the worker."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from cryptobot_common.database import Base, Created, Identity

__all__ = ["Backtest", "Base"]


class Backtest(Created, Base):
    __tablename__ = "backtests"

    id: Mapped[int] = mapped_column(Identity, primary_key=True)
    owner: Mapped[str] = mapped_column(String(64), index=True)
    strategy_id: Mapped[int] = mapped_column(Integer, index=True)
    strategy_version: Mapped[int] = mapped_column(Integer)
    kind: Mapped[str] = mapped_column(String(40))
    symbol: Mapped[str] = mapped_column(String(20), index=True)
    interval: Mapped[str] = mapped_column(String(4))
    parameters: Mapped[dict[str, Any]] = mapped_column(JSON)
    status: Mapped[str] = mapped_column(String(10), default="queued", index=True)
    runs: Mapped[int] = mapped_column(Integer, default=0)
    input_digest: Mapped[str | None] = mapped_column(String(64))
    result: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    error: Mapped[str | None] = mapped_column(String(500))
    finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
