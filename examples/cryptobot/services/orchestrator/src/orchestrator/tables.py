"""The loop's runs that had something to do."""

from __future__ import annotations

from sqlalchemy import Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from cryptobot_common.database import Base, Created, Identity

__all__ = ["Base", "Run"]


class Run(Created, Base):
    __tablename__ = "orchestrator_runs"

    id: Mapped[int] = mapped_column(Identity, primary_key=True)
    cause: Mapped[str] = mapped_column(String(10))
    handled: Mapped[int] = mapped_column(Integer)
    failed: Mapped[int] = mapped_column(Integer)
