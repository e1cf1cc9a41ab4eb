"""A PostgreSQL that is written to, and another that data moves to; a fresh database for each test.

POSTGRESQL_VERSIONS="15 17" names their majors, the source's first.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "tests" / "servers"), str(Path(__file__).resolve().parent)]

import lab
import postgresql

VERSIONS = os.environ.get("POSTGRESQL_VERSIONS", "15 17").split()
# With synchronous_commit off a crash forgets what was acknowledged last: the fence must not rely on the server's
# default.
SETTINGS = {
    "shared_buffers": "32MB", "fsync": "off", "max_wal_size": "128MB", "max_connections": "60", "wal_level": "logical",
    "synchronous_commit": "off", "max_prepared_transactions": "2", "autovacuum_naptime": "1s",
}  # fmt: skip


@pytest.fixture(scope="session")
def servers() -> Iterator[tuple[postgresql.Server, postgresql.Server]]:
    folder = Path(tempfile.mkdtemp(prefix="cryptobot-cutover-"))
    folder.chmod(0o755)
    both = [
        postgresql.Server(version, lab.free_port(), folder / side, SETTINGS)
        for side, version in zip(("source", "target"), VERSIONS, strict=True)
    ]
    try:
        for server in both:
            server.start()
            lab.Place(server, "postgres").sql(f"CREATE ROLE {lab.APP} LOGIN PASSWORD '{lab.APP}'")
        yield both[0], both[1]
    finally:
        for server in both:
            server.remove()
        shutil.rmtree(folder, ignore_errors=True)


def made(server: postgresql.Server, name: str) -> Iterator[lab.Place]:
    """A database of the application's, with its tables."""
    lab.Place(server, "postgres").sql(f"CREATE DATABASE {name} OWNER {lab.APP}")
    place = lab.Place(server, name)
    place.sql("GRANT ALL ON SCHEMA public TO app")
    place.sql(lab.SCHEMA, user=lab.APP)
    yield place
    lab.Place(server, "postgres").sql(f"DROP DATABASE {name} WITH (FORCE)")
    left = lab.Place(server, "postgres").sql("SELECT rolname FROM pg_roles WHERE rolname ~ '^migration'")
    for (role,) in left:
        lab.Place(server, "postgres").sql(f"DROP ROLE IF EXISTS {role}")


def name_of(request: pytest.FixtureRequest) -> str:
    short = re.sub(r"\W+", "_", request.node.name.removeprefix("test_"))[:40]
    return f"{short}_{zlib.crc32(request.node.name.encode()):x}".lower()


@pytest.fixture
def source(servers, request: pytest.FixtureRequest) -> Iterator[lab.Place]:
    yield from made(servers[0], name_of(request))


@pytest.fixture(params=["source", "target"])
def either(servers, request: pytest.FixtureRequest) -> Iterator[lab.Place]:
    yield from made(servers[request.param == "target"], name_of(request))
