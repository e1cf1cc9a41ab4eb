"""The SQLAlchemy engine of a service, and the base of its tables."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Engine, Integer, MetaData, Numeric, create_engine, event, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker
from sqlalchemy.pool import NullPool

from cryptobot_common.settings import Settings

# SQLite numbers only an INTEGER primary key by itself.
Identity = BigInteger().with_variant(Integer, "sqlite")
Money = Numeric(28, 8)


def now() -> datetime:
    return datetime.now(UTC)


class Base(DeclarativeBase):
    """Named constraints, so that a migration can refer to them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Created:
    """Adds the time of creation."""

    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=now)


def version_table(settings: Settings) -> str:
    """One a service, since two services may share a database."""
    return f"alembic_version_{settings.identifier}"


def database_url(settings: Settings) -> str:
    """``DATABASE_URL``, or the SQLite file of ``RESULTS_FILE``."""
    if path := settings.variables.get("RESULTS_FILE"):
        # A file that is gone must be an error: SQLite would make an empty one.
        return f"sqlite:///file:{path}?mode=rw&uri=true"
    url = settings.require("DATABASE_URL", f"postgresql://{settings.identifier}@/{settings.identifier}")
    # SQLAlchemy 2.1 takes the plain scheme for psycopg 3.
    return re.sub(r"^postgres(ql)?://", "postgresql+psycopg2://", url)


def make_engine(settings: Settings, *, pooled: bool = True) -> Engine:
    """An engine with bounded waits; ``pooled=False`` for a migration's single connection."""
    url = database_url(settings)
    options: dict[str, Any] = {}
    if url.startswith("sqlite"):
        options["connect_args"] = {"timeout": 5}
    else:
        options["connect_args"] = {"connect_timeout": 3, "application_name": settings.service}
        if pooled:
            options |= {"pool_size": 5, "max_overflow": 10, "pool_timeout": 5}
    # A pooled connection to an SQLite file would go on working on one that was moved or replaced.
    if pooled and not url.startswith("sqlite"):
        options["pool_pre_ping"] = True
    else:
        options["poolclass"] = NullPool
    engine = create_engine(url, **options)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _: Any) -> None:
    # WAL: the web process reads while the worker writes. FULL: an acknowledged row survives a crash.
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


class Database:
    """Sessions of one service. Use ``with database.begin() as session``: it has committed when it ends."""

    def __init__(self, settings: Settings) -> None:
        self._version_table = version_table(settings)
        self.engine = make_engine(settings)
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)

    def begin(self) -> Any:
        """A context manager of a session in one transaction."""
        return self._sessions.begin()

    def session(self) -> Session:
        return self._sessions()

    def check(self) -> None:
        """Read what a usable database must have; write nothing, so that a fenced one passes."""
        with self.engine.connect() as connection:
            connection.execute(text(f'SELECT version_num FROM "{self._version_table}"')).one()

    def close(self) -> None:
        self.engine.dispose()
