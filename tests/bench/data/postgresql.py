"""PostgreSQL: copying a database and verifying the copy, against the ways by hand and the bare scans, in turn.

  tests/bench/data/postgresql.py                       7,000,000 rows (about 1 GB), five rounds
  tests/bench/data/postgresql.py --rows 70000 --rounds 1
  tests/bench/data/postgresql.py --scale 0.1 1 10      ours alone, at so many times the rows: seconds and memory

Copy. By hand: a database made, pg_dump and pg_restore with two jobs and no compression; pg_dump into psql; pgcopydb
where it is installed. Owners and rights are carried by all but pgcopydb, which stumbles over them. The limit is what
a copy can't be faster than: parallel binary COPY of the same rows, without keys and indexes, the tables made before.

Verification: the whole comparison of both sides against the bare scans it needs: every table of both sides at once,
the hashes of the rows summed up in buckets, which lead to the rows that differ. Beside it the same scans with one sum
a table, which only tell that something differs; and with the hash of each row's whole text, as one would write it by
hand. Beside them the comparison of a target with three planted changes (behind a number, behind a text and a time,
without a key), which has to name them. All of ours are processes of their own, whose memory is measured.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import paired  # noqa: E402
from postgresql_lab import KEPT, SOURCE, TARGET, Lab  # noqa: E402 isort:skip  (says where the collection is)
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.compare import run  # noqa: E402
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.compare.session import Side  # noqa: E402
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.compare.tables import Plan  # noqa: E402

ROWS = 7_000_000
OURS, OURS_ARCHIVE, LIMIT = "ours", "ours, by archive", "limit: parallel binary COPY without indexes"
DUMP = "pg_dump -Fd -j2 -Z0, pg_restore -j2"
PIPE, PGCOPYDB = "pg_dump | psql", "pgcopydb"
VERIFY, PLANTED = "comparison", "comparison that names three planted changes"
BARE = "bare hash scans"
BARE_SUM, BARE_TEXT = "bare hash scans, one sum a table", "bare hash scans of whole rows, one sum a table"
MEMORY = 200

MAKE = f"createdb {{target}} -T template0 -E UTF8 --locale C.UTF-8 {TARGET}"
BY_HAND = {
    DUMP: f"{MAKE} && pg_dump -Fd -j2 -Z0 {{source}} --no-subscriptions -f {{folder}}/dump {SOURCE} && "
    f"(pg_restore -j2 {{target}} -d {TARGET} {{folder}}/dump || [ $? = 1 ])",
    PIPE: f"{MAKE} && pg_dump --no-subscriptions {{source}} {SOURCE} | psql -qX {{target}} {TARGET} >/dev/null",
    PGCOPYDB: f"{MAKE} && pgcopydb clone --source {{source_uri}} --target '{{target_uri}}' "
    "--dir {folder}/dump-pgcopydb --table-jobs 2 --index-jobs 2 --no-owner --no-acl --no-comments --skip-large-objects",
}
PLANT = (
    "UPDATE zoo.orders SET price = price + 1 WHERE id = (SELECT max(id) / 2 FROM zoo.orders)",
    "UPDATE zoo.ticks SET volume = 7 WHERE (symbol, at) = "
    "(SELECT symbol, at FROM zoo.ticks ORDER BY symbol, at LIMIT 1)",
    "UPDATE zoo.journal SET level = 77 WHERE message = 'message 1' AND level = 2",
)
UPROOT = (
    "UPDATE zoo.orders SET price = price - 1 WHERE id = (SELECT max(id) / 2 FROM zoo.orders)",
    "UPDATE zoo.ticks t SET volume = v FROM planted_tick p WHERE (t.symbol, t.at) = (p.symbol, p.at)",
    "UPDATE zoo.journal SET level = 2 WHERE level = 77",
)
REMEMBER = (
    "CREATE TEMP TABLE planted_tick AS SELECT symbol, at, volume AS v FROM zoo.ticks ORDER BY symbol, at LIMIT 1",
)


class Verification:
    """Comparisons of the source with the copy that is kept."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._session = lab.endpoint(lab.target).connect(KEPT)
        self._change(REMEMBER)

    def close(self) -> None:
        self._session.close()

    def same(self) -> float:
        return self._compared(0)

    def planted(self) -> float:
        self._change(PLANT)
        try:
            return self._compared(len(PLANT))
        finally:
            self._change(UPROOT)

    def scans(self, kind: str) -> None:
        """The bare scans of both sides at once, a session each, the largest table first as in the comparison."""

        def statement(plan: Plan) -> str:
            if kind == BARE:
                return plan.digests()
            hashed = f"hashtextextended({plan.table.alias}::text, 0)" if kind == BARE_TEXT else plan.hash
            return f"SELECT count(*), sum({hashed}) FROM {plan.table.source}"

        lab = self._lab
        sides = Side(lab.endpoint(lab.source), SOURCE, "source"), Side(lab.endpoint(lab.target), KEPT, "target")
        try:
            for side in sides:
                side.begin()
            plans = run._plans(sides, (sides[0].major, sides[1].major), True).values()
            statements = [statement(each) for each in sorted(plans, key=lambda each: -each.table.pages)]

            def work(side: Side) -> None:
                for statement in statements:
                    side.query(statement)

            threads = [threading.Thread(target=work, args=(side,)) for side in sides]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            for side in sides:
                side.close()

    def _change(self, statements: tuple[str, ...]) -> None:
        with self._session.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def _compared(self, wanted: int) -> float:
        """The seconds of one comparison, which has to find so many differences, all of them in rows."""
        found = self._lab.ours("compare", KEPT)
        rows = [each for each in found["differences"] if " differs in " in each]
        if len(rows) != wanted or len(found["differences"]) != wanted:
            sys.exit(f"{wanted} differences were planted and these were found: {found['differences']}")
        return float(found["seconds"])


def copies(lab: Lab) -> list[paired.Contender]:
    found = [paired.Contender(OURS, lambda: lab.ours("copy")["seconds"], lab.settle)]
    for name, command in BY_HAND.items():
        if name != PGCOPYDB or shutil.which("pgcopydb"):
            found.append(paired.Contender(name, lab.shell(command), lab.settle))
    found.append(paired.Contender(OURS_ARCHIVE, lambda: lab.ours("archive")["seconds"], lab.settle))
    found.append(paired.Contender(LIMIT, lab.limit, lab.defined))
    return found


def verifications(looks: Verification) -> list[paired.Contender]:
    return [
        paired.Contender(VERIFY, looks.same),
        paired.Contender(BARE, lambda: looks.scans(BARE)),
        paired.Contender(PLANTED, looks.planted),
        paired.Contender(BARE_SUM, lambda: looks.scans(BARE_SUM)),
        paired.Contender(BARE_TEXT, lambda: looks.scans(BARE_TEXT)),
    ]


def by_processor(lab: Lab, contenders: list[paired.Contender]) -> list[paired.Contender]:
    """The same, measured by the processor time of all that takes part: of use on a busy machine."""

    def counted(run: Callable[[], float | None]) -> Callable[[], float]:
        def measure() -> float:
            began = lab.processor()
            run()
            return lab.processor() - began

        return measure

    return [paired.Contender(each.name, counted(each.run), each.prepare) for each in contenders]


def copy_results(times: paired.Times, memory: float) -> list[dict]:
    others = [name for name in BY_HAND if name in times]
    found = [paired.result("copy by streams, against the fastest by hand", times, OURS, others, aim=0.8)]
    found += [paired.result(f"copy by streams, against {name}", times, OURS, name) for name in others]
    found.append(paired.result("copy by streams, distance to the limit", times, OURS, LIMIT))
    found.append(paired.result("copy by archive", times, OURS_ARCHIVE, DUMP, aim=1.05))
    return [*found, paired.measured("memory of the copy by streams", memory, "MB", MEMORY)]


def verify_results(times: paired.Times, memory: float) -> list[dict]:
    return [
        paired.result("full verification of both sides", times, VERIFY, BARE, aim=1.1),
        paired.result("full verification, against scans with one sum a table", times, VERIFY, BARE_SUM),
        paired.result("full verification, against scans of whole rows", times, VERIFY, BARE_TEXT),
        paired.result("naming three planted changes", times, PLANTED, VERIFY, aim=1.25),
        paired.result("full verification, against the copy by archive", times, VERIFY, OURS_ARCHIVE, aim=1.0),
        paired.result("full verification, against the copy by streams", times, VERIFY, OURS),
        paired.measured("memory of the comparison", memory, "MB", MEMORY),
    ]


def race(lab: Lab, given: argparse.Namespace) -> None:
    size = lab.seed(given.rows)
    lab.settle()
    lab.ours("copy")
    lab.keep()
    looks = Verification(lab)
    try:
        contenders = [*verifications(looks), *copies(lab)]
        if given.processor:
            contenders = by_processor(lab, contenders)
        times = paired.rounds(contenders, given.rounds)
    finally:
        looks.close()
    seeded = paired.measured(f"rows {given.rows}, database", size / 2**20, "MB")
    suffix = "_processor" if given.processor else ""
    paired.write(f"postgresql_copy{suffix}", [seeded, *copy_results(times, lab.memory["copy"])])
    paired.write(f"postgresql_verify{suffix}", [seeded, *verify_results(times, lab.memory["compare"])])


def scale(lab: Lab, given: argparse.Namespace) -> None:
    """Ours alone at several sizes: time may not grow faster than rows, and memory not at all."""
    found = []
    for times in given.scale:
        rows = int(given.rows * times)
        size = lab.seed(rows)
        lab.settle()
        lab.memory.clear()
        seconds = {"copy": lab.ours("copy")["seconds"]}
        lab.keep()
        seconds["compare"] = lab.ours("compare", KEPT)["seconds"]
        found.append(paired.measured(f"{rows} rows: database", size / 2**20, "MB"))
        for task, value in seconds.items():
            found.append(paired.measured(f"{rows} rows: {task}", value, "s"))
            found.append(paired.measured(f"{rows} rows: {task}, a million rows", value / rows * 1e6, "s"))
            found.append(paired.measured(f"{rows} rows: {task}, memory", lab.memory[task], "MB", MEMORY))
    paired.write("postgresql_scale", found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--rounds", type=int, default=paired.ROUNDS)
    parser.add_argument("--scale", type=float, nargs="+", help="no race: ours at so many times the rows")
    parser.add_argument("--processor", action="store_true", help="measure processor time in place of the clock's")
    parser.add_argument("--port", type=int, default=5561, help="the first of two")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cryptobot-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        lab = Lab(folder, given.port)
        began = time.monotonic()
        try:
            lab.start()
            (scale if given.scale else race)(lab, given)
        finally:
            lab.remove()
        print(f"  {time.monotonic() - began:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
