"""Copying a PostgreSQL database: ours against pg_dump and pg_restore, pg_dump and psql, and pgcopydb, in turn.

  tests/bench/data/postgresql_copy.py --rows 7000000 --rounds 5

Source and target are servers of Debian's PostgreSQL 15 on this machine, with the same settings and a data directory each.
The limit is what a copy can't be faster than: parallel binary COPY of the same rows, without keys and indexes.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "tests" / "bench"), str(ROOT / "tests" / "servers"), str(ROOT / ".ansible" / "collections")]

import paired  # noqa: E402
import postgresql  # noqa: E402
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql import endpoint as endpoints  # noqa: E402
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql import roles_map  # noqa: E402
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.transfer import (  # noqa: E402
    archive,
    database,
    order,
    pipe,
    roles,
    schedule,
    schema,
    sessions,
    stream,
    tables,
)

JOBS = 2
SOURCE, TARGET = "bench", "copy"
OWNER = "bench_owner"
SETTINGS = {"shared_buffers": "512MB", "max_wal_size": "2GB", "max_connections": "60", "wal_level": "logical"}
OURS, OURS_ARCHIVE, LIMIT = "ours", "ours, by archive", "limit: parallel binary COPY without indexes"
DUMP = "pg_dump -Fd -j2 -Z0 | pg_restore -j2"
PIPE, PGCOPYDB = "pg_dump | psql", "pgcopydb"


@dataclass(frozen=True)
class Lab:
    """Two servers and a folder for what lies between."""

    source: postgresql.Server
    target: postgresql.Server
    folder: Path

    def endpoint(self, server: postgresql.Server) -> endpoints.Endpoint:
        secret = self.folder / "password"
        secret.write_text(postgresql.PASSWORD, encoding="utf-8")
        return endpoints.Endpoint.from_options({"host": "127.0.0.1", "port": server.port, "password_file": str(secret)})

    def start(self, rows: int) -> None:
        for server in (self.source, self.target):
            server.start()
        environment = {**os.environ, "PGPASSWORD": postgresql.PASSWORD}
        with self.endpoint(self.source).cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {SOURCE} OWNER postgres")
        words = [
            sys.executable,
            str(ROOT / "tests" / "seed" / "postgresql.py"),
            "--host",
            "127.0.0.1",
            "--port",
            str(self.source.port),
        ]
        words += ["--user", "postgres", "--database", SOURCE, "--rows", str(rows)]
        subprocess.run(words, env=environment, check=True)
        with self.endpoint(self.source).cursor(SOURCE) as cursor:
            # Others in the race stumble over these names and this language; it is about rows and indexes.
            cursor.execute("DROP LANGUAGE IF EXISTS zoo_language")
            cursor.execute('DROP SCHEMA IF EXISTS "Ünïcode schema" CASCADE')
            cursor.execute('DROP TABLE IF EXISTS zoo."a name of sixty-three bytes, the longest that there may be, #63"')
            cursor.execute("VACUUM ANALYZE")
            cursor.execute("CHECKPOINT")
        with self.endpoint(self.source).cursor() as source, self.endpoint(self.target).cursor() as cursor:
            cursor.execute(f"CREATE ROLE {OWNER}")
            for change in roles.plan(roles.gather(source), roles.gather(cursor), [self.order().roles]):
                cursor.execute(change.text)

    def settle(self) -> None:
        """Takes what the last turn left out of the next one's time."""
        with self.endpoint(self.target).cursor() as cursor:
            database.drop(cursor, TARGET)
            cursor.execute("CHECKPOINT")
        for path in self.folder.glob("dump*"):
            shutil.rmtree(path, ignore_errors=True)

    def made(self) -> None:
        """An empty target database, as the operator would make it by hand."""
        self.settle()
        with self.endpoint(self.target).cursor() as cursor:
            cursor.execute(
                f"CREATE DATABASE {TARGET} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'"
            )

    def order(self) -> order.Order:
        mapping = roles_map.roles_map(OWNER, {"bench_login": OWNER})
        return order.Order(
            "bench", self.endpoint(self.source), SOURCE, self.endpoint(self.target), TARGET, "bench", mapping, JOBS
        )

    def shell(self, command: str) -> Callable[[], None]:
        """A command line as by hand; {source} and {target} are options for libpq's programs."""
        where = {
            "source": f"-h 127.0.0.1 -p {self.source.port} -U postgres",
            "target": f"-h 127.0.0.1 -p {self.target.port} -U postgres",
            "folder": str(self.folder),
            "source_uri": f"postgresql://postgres@127.0.0.1:{self.source.port}/{SOURCE}",
            "target_uri": f"postgresql://postgres@127.0.0.1:{self.target.port}/{TARGET}",
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

    def ours(self) -> None:
        stream.Stream(self.order()).run()

    def by_archive(self) -> None:
        archive.Archive(self.order(), self.folder / "dump").run()

    def limit(self) -> None:
        """Rows alone, into tables without keys: definitions are made before and not measured."""
        wanted = self.order()
        pairs = [
            sessions.Pair(sessions.read(wanted.source, SOURCE, "UTF8"), sessions.write(wanted.target, TARGET, "UTF8"))
            for __ in range(JOBS)
        ]
        with pairs[0].source.cursor() as cursor:
            found = tables.gather(cursor, {"hstore": "1.8", "citext": "1.6"}, True)
        parts = [part for table in found for part in tables.parts(table, True)]

        def copy(pair: sessions.Pair, work: schedule.Work) -> None:
            pipe.copy(pair.source, work.item.read(), pair.target, work.item.write())

        schedule.run(schedule.Board(schedule.copies(parts), set()), pairs, copy, lambda: None)
        for pair in pairs:
            pair.close()

    def defined(self) -> None:
        """The tables alone."""
        self.made()
        shown = schema.dump(self.endpoint(self.source), SOURCE, self.folder / "definitions")
        with self.endpoint(self.target).cursor(TARGET) as cursor:
            cursor.execute("SET check_function_bodies = off")
            for entry in shown.of(schema.PRE):
                if entry.kind not in schema.GENERATED and entry.text:
                    cursor.execute(entry.text)


def contenders(lab: Lab) -> list[paired.Contender]:
    dump = "pg_dump -Fd -j2 -Z0 {source} --no-subscriptions -f {folder}/dump " + SOURCE
    restore = f"pg_restore -j2 --no-owner --no-privileges {{target}} -d {TARGET} {{folder}}/dump || [ $? = 1 ]"
    plain = f"pg_dump --no-owner --no-privileges --no-subscriptions {{source}} {SOURCE} | psql -qX {{target}} {TARGET} >/dev/null"
    found = [
        paired.Contender(OURS, lab.ours, lab.settle),
        paired.Contender(DUMP, lab.shell(f"{dump} && {restore}"), lab.made),
        paired.Contender(PIPE, lab.shell(plain), lab.made),
        paired.Contender(OURS_ARCHIVE, lab.by_archive, lab.settle),
        paired.Contender(LIMIT, lab.limit, lab.defined),
    ]
    if shutil.which("pgcopydb"):
        clone = (
            "rm -rf {folder}/dump-pgcopydb; pgcopydb clone --source {source_uri} --target {target_uri} --dir {folder}/dump-pgcopydb "
            "--table-jobs 2 --index-jobs 2 --no-owner --no-acl --no-comments --skip-large-objects"
        )
        found.append(paired.Contender(PGCOPYDB, lab.shell(clone), lab.made))
    return found


def results(times: paired.Times) -> list[dict]:
    others = [name for name in (DUMP, PIPE, PGCOPYDB) if name in times]
    found = [paired.result("copy by streams", times, OURS, others, aim=0.8)]
    found += [paired.result(f"copy by streams, against {name}", times, OURS, name) for name in others]
    found.append(paired.result("copy by streams, distance to the limit", times, OURS, LIMIT))
    found.append(paired.result("copy by archive", times, OURS_ARCHIVE, DUMP, aim=1.05))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=7_000_000)
    parser.add_argument("--rounds", type=int, default=paired.ROUNDS)
    parser.add_argument("--ports", type=int, default=5561, help="the first of two")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cryptobot-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        lab = Lab(
            postgresql.Server("15", given.ports, folder / "source", SETTINGS),
            postgresql.Server("15", given.ports + 1, folder / "target", SETTINGS),
            folder,
        )
        try:
            lab.start(given.rows)
            times = paired.rounds(contenders(lab), given.rounds)
        finally:
            lab.source.remove()
            lab.target.remove()
    paired.write("postgresql_copy", results(times))


if __name__ == "__main__":
    main()
