"""Strategies; every change of one is a version that stays."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, Boolean, ForeignKey, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from cryptobot_common.database import Base, Created, Identity

__all__ = ["Base", "Strategy", "Version"]


class Strategy(Created, Base):
    __tablename__ = "strategies"

    id: Mapped[int] = mapped_column(Identity, primary_key=True)
    owner: Mapped[str] = mapped_column(String(64), index=True)
    name: Mapped[str] = mapped_column(String(100))
    version: Mapped[int] = mapped_column(Integer, default=1)
    active: Mapped[bool] = mapped_column(Boolean, default=False)
    active_version: Mapped[int | None] = mapped_column(Integer)


class Version(Created, Base):
    __tablename__ = "strategy_versions"
    __table_args__ = (UniqueConstraint("strategy_id", "number", name="uq_strategy_versions_strategy_id"),)

    id: Mapped[int] = mapped_column(Identity, primary_key=True)
    strategy_id: Mapped[int] = mapped_column(ForeignKey("strategies.id", ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(Integer)
    kind: Mapped[str] = mapped_column(String(40))
    symbol: Mapped[str] = mapped_column(String(20))
    parameters: Mapped[dict[str, Any]] = mapped_column(JSON)
