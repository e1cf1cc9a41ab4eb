"""Signals that wait for the orchestrator."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import DateTime, String
from sqlalchemy.orm import Mapped, mapped_column

from cryptobot_common.database import Base, Created, Identity

__all__ = ["Base", "Signal"]


class Signal(Created, Base):
    __tablename__ = "signals"

    id: Mapped[int] = mapped_column(Identity, primary_key=True)
    owner: Mapped[str] = mapped_column(String(64), index=True)
    symbol: Mapped[str] = mapped_column(String(20))
    side: Mapped[str] = mapped_column(String(4))
    status: Mapped[str] = mapped_column(String(10), default="new", index=True)
    note: Mapped[str | None] = mapped_column(String(200))
    done_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
