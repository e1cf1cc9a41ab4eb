"""Two PostgreSQL servers for benchmarks, the seeded database on one of them, and the ways to bring it to the
other.

The source has the settings of the official image (PostgreSQL's own defaults) and is reached by TCP; the target has
those that the collection writes for this machine and is reached by its socket, as on a host. All contenders use both
alike.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
COLLECTIONS = ROOT / ".ansible" / "collections"
sys.path[:0] = [str(ROOT / "tests" / "bench"), str(ROOT / "tests" / "servers"), str(COLLECTIONS)]

import postgresql  # noqa: E402
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql import (  # noqa: E402
    endpoint,
    roles_map,
    tuning,
)
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.transfer import (  # noqa: E402
    database,
    pipe,
    roles,
    schedule,
    schema,
    sessions,
    tables,
)

JOBS = 2
SOURCE, TARGET, KEPT = "bench", "copy", "kept"
OWNER, LOGIN = "bench_owner", "bench_login"
ALONE = Path(__file__).with_name("alone.py")
TICKS = os.sysconf("SC_CLK_TCK")
SOURCE_SETTINGS = {"wal_level": "logical"}


def target_settings() -> dict[str, str]:
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20
    machine = tuning.Machine(memory, os.cpu_count() or 2)
    return {
        **tuning.memory_settings(machine, 100),
        **tuning.core_settings(machine.cores),
        **tuning.write_ahead_settings(),
    }


@dataclass
class Lab:
    """Servers on ports from ``port`` on, all of it below ``folder``. ``address`` is the
    source's; ``memory``: the most that a process of ours took, in MB."""

    folder: Path
    port: int
    address: str = "127.0.0.1"
    memory: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.source = postgresql.Server("15", self.port, self.folder / "source", SOURCE_SETTINGS)
        self.target = postgresql.Server("15", self.port + 1, self.folder / "target", target_settings())
        self.password = self.folder / "password"
        self.password.write_text(postgresql.PASSWORD, encoding="utf-8")

    # Servers

    def options(self, server: postgresql.Server) -> dict[str, Any]:
        host = self.address if server is self.source else str(server.directory)
        return {"host": host, "port": server.port, "password_file": str(self.password)}

    def endpoint(self, server: postgresql.Server) -> endpoint.Endpoint:
        return endpoint.Endpoint.from_options(self.options(server))

    def start(self) -> None:
        for server in (self.source, self.target):
            server.start()

    def remove(self) -> None:
        for server in (self.source, self.target):
            server.remove()

    def seed(self, rows: int) -> int:
        """The database of the benchmarks and its roles at the target; gives its bytes."""
        with self.endpoint(self.source).cursor() as cursor:
            database.drop(cursor, SOURCE)
            cursor.execute(f"CREATE DATABASE {SOURCE} OWNER postgres")
        program = str(ROOT / "tests" / "seed" / "postgresql.py")
        words = ["--host", self.address, "--port", str(self.port), "--user", "postgres", "--database", SOURCE]
        environment = {**os.environ, "PGPASSWORD": postgresql.PASSWORD}
        subprocess.run([sys.executable, program, *words, "--rows", str(rows)], env=environment, check=True)
        with self.endpoint(self.source).cursor(SOURCE) as cursor:
            # Others in the race stumble over these names and this language; it is about rows and indexes.
            cursor.execute("DROP LANGUAGE IF EXISTS zoo_language")
            cursor.execute('DROP SCHEMA IF EXISTS "Ünïcode schema" CASCADE')
            cursor.execute('DROP TABLE IF EXISTS zoo."a name of sixty-three bytes, the longest that there may be, #63"')
            cursor.execute("VACUUM ANALYZE")
            cursor.execute("CHECKPOINT")
            cursor.execute("SELECT pg_database_size(current_database())")
            size = cursor.fetchone()[0]
        mapping = roles_map.roles_map(OWNER, {LOGIN: OWNER})
        with self.endpoint(self.source).cursor() as source, self.endpoint(self.target).cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (OWNER,))
            if not cursor.fetchone():
                cursor.execute(f"CREATE ROLE {OWNER}")
            for change in roles.plan(roles.gather(source), roles.gather(cursor), [mapping]):
                cursor.execute(change.text)
        return int(size)

    def settle(self) -> None:
        """Takes what the last turn left out of the next one's time."""
        with self.endpoint(self.target).cursor() as cursor:
            database.drop(cursor, TARGET)
            cursor.execute("CHECKPOINT")
        for path in self.folder.glob("dump*"):
            shutil.rmtree(path, ignore_errors=True)

    def keep(self) -> None:
        """Keeps the copy that was made last, for comparisons, as autovacuum would leave it."""
        with self.endpoint(self.target).cursor() as cursor:
            database.drop(cursor, KEPT)
            cursor.execute(f"ALTER DATABASE {TARGET} RENAME TO {KEPT}")
        with self.endpoint(self.target).cursor(KEPT) as cursor:
            cursor.execute("VACUUM ANALYZE")
            cursor.execute("CHECKPOINT")

    def processor(self) -> float:
        """Seconds of processor time that the servers and all programs of the contenders have taken so far."""
        used = os.times()
        found = used.children_user + used.children_system + used.user + used.system
        for server in (self.source, self.target):
            postmaster = (server.directory / "data" / "postmaster.pid").read_text(encoding="utf-8").split()[0]
            for path in Path("/proc").glob("[0-9]*/stat"):
                try:
                    fields = path.read_text(encoding="utf-8").rpartition(")")[2].split()
                except OSError:
                    continue
                if path.parent.name == postmaster:
                    found += sum(int(each) for each in fields[11:15]) / TICKS
                elif fields[1] == postmaster:
                    found += sum(int(each) for each in fields[11:13]) / TICKS
        return found

    # Contenders

    def ours(self, task: str, into: str = TARGET) -> dict[str, Any]:
        """One of ours in a process of its own; its seconds and memory, and what it said."""
        given = {
            "collections": str(COLLECTIONS),
            "source": self.options(self.source),
            "target": self.options(self.target),
            "from": SOURCE,
            "into": into,
            "owner": OWNER,
            "roles": {LOGIN: OWNER},
            "folder": str(self.folder / "dump"),
        }
        done = subprocess.run(
            [sys.executable, ALONE, task, json.dumps(given)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            sys.exit(f"{task}: {done.stderr[-2000:]}")
        found = json.loads(done.stdout)
        self.memory[task] = max(self.memory.get(task, 0.0), found["memory"])
        if os.environ.get("BENCH_STAGES"):
            print("   ", found.get("stages"), file=sys.stderr)
        return found

    def shell(self, command: str) -> Callable[[], None]:
        """A command line as by hand; {source} and {target} are options for libpq's programs."""
        where = {
            "source": f"-h {self.address} -p {self.source.port} -U postgres",
            "target": f"-h {self.target.directory} -p {self.target.port} -U postgres",
            "folder": str(self.folder),
            "source_uri": f"postgresql://postgres@{self.address}:{self.source.port}/{SOURCE}",
            "target_uri": f"postgresql://postgres@/{TARGET}?host={self.target.directory}&port={self.target.port}",
        }
        environment = {**os.environ, "PGPASSWORD": postgresql.PASSWORD}

        def run() -> None:
            # In a session of its own: pgcopydb ends its whole process group when it fails.
            done = subprocess.run(
                ["bash", "-o", "pipefail", "-c", command.format(**where)],
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                start_new_session=True,
            )
            if done.returncode:
                sys.exit(f"{command}: {done.stderr[-2000:]}")

        return run

    def defined(self) -> None:
        """A target database with the tables alone, for the limit."""
        self.settle()
        shown = schema.dump(self.endpoint(self.source), SOURCE, self.folder / "definitions")
        with self.endpoint(self.source).cursor() as cursor:
            like = database.find(cursor, SOURCE)
        with self.endpoint(self.target).cursor() as cursor:
            database.make(cursor, TARGET, like)
        with self.endpoint(self.target).cursor(TARGET) as cursor:
            cursor.execute("SET check_function_bodies = off")
            for entry in shown.of(schema.PRE):
                if entry.kind not in schema.GENERATED and entry.text:
                    cursor.execute(entry.text)

    def limit(self) -> None:
        """Rows alone, into tables without keys."""
        source, target = self.endpoint(self.source), self.endpoint(self.target)
        pairs = [
            sessions.Pair(sessions.read(source, SOURCE, "UTF8"), sessions.write(target, TARGET, "UTF8"))
            for __ in range(JOBS)
        ]
        with pairs[0].source.cursor() as cursor, pairs[0].target.cursor() as other:
            other.execute(tables.EXTENSIONS)
            found = tables.gather(cursor, dict(other.fetchall()), True)
        parts = [part for table in found for part in tables.parts(table, True)]

        def copy(pair: sessions.Pair, work: schedule.Work) -> None:
            pipe.copy(pair.source, work.item.read(), pair.target, work.item.write())

        schedule.run(schedule.Board(schedule.copies(parts), set()), pairs, copy, lambda: None)
        for pair in pairs:
            pair.close()
