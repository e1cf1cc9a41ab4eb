"""What a service's ``migrations/env.py`` calls."""

from __future__ import annotations

import zlib
from pathlib import Path

from alembic import context
from sqlalchemy import MetaData, text

from cryptobot_common.database import make_engine, version_table
from cryptobot_common.settings import Settings


def _make_file(path: Path) -> None:
    """The group of the directory works with the file, whoever ran the migration; -wal and -shm get its mode."""
    if not path.exists():
        path.touch(mode=0o660, exist_ok=False)
        path.chmod(0o660)


def run(service: str, metadata: MetaData) -> None:
    """Bring the database of *service* to the wanted revision, in one transaction."""
    settings = Settings.load(service)
    table = version_table(settings)
    if context.is_offline_mode():
        context.configure(dialect_name="postgresql", target_metadata=metadata, version_table=table, literal_binds=True)
        with context.begin_transaction():
            context.run_migrations()
        return
    if path := settings.variables.get("RESULTS_FILE"):
        _make_file(Path(path))
    engine = make_engine(settings, pooled=False)
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            # Two hosts that start the step at once: the second waits and finds nothing to do.
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": zlib.crc32(service.encode())})
        context.configure(
            connection=connection,
            target_metadata=metadata,
            version_table=table,
            # Another service's tables in a shared database are not leftovers of this one's.
            include_name=lambda name, kind, _: kind != "table" or name in metadata.tables,
            render_as_batch=engine.dialect.name == "sqlite",
        )
        with context.begin_transaction():
            context.run_migrations()
