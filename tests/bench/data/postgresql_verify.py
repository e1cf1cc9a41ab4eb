"""Verifying a PostgreSQL database: the whole comparison of both sides against the bare hash scans that it needs, in turn.

  tests/bench/data/postgresql_verify.py --rows 7000000 --rounds 5

Bare scans: every table of both sides at once, the hash of each row summed up, nothing else; with the hash that the comparison
takes (what it needs), and with the hash of each row's whole text (what one would write by hand). Beside them the comparison
of a target with three planted changes (one behind a number, one behind a text and a time, one without a key), which has to
name them, and the copies by archive and by streams. Every comparison is a process of its own, whose memory is measured.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "tests" / "bench"), str(ROOT / "tests" / "servers"), str(ROOT / ".ansible" / "collections")]
sys.path.insert(0, str(Path(__file__).resolve().parent))

import paired  # noqa: E402
import postgresql  # noqa: E402
import postgresql_copy as copying  # noqa: E402
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.compare import run  # noqa: E402
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.compare.session import Side  # noqa: E402
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.transfer import stream  # noqa: E402

KEPT = "kept"
OURS, PLANTED = "comparison", "comparison that names three planted changes"
BARE, BARE_TEXT = "bare hash scans", "bare hash scans of whole rows"
PLANT = (
    "UPDATE zoo.orders SET price = price + 1 WHERE id = (SELECT max(id) / 2 FROM zoo.orders)",
    "UPDATE zoo.ticks SET volume = 7 WHERE (symbol, at) = (SELECT symbol, at FROM zoo.ticks ORDER BY symbol, at LIMIT 1)",
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
ALONE = """
import json, resource, sys, time
sys.path.insert(0, sys.argv[1])
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.compare import run
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.endpoint import Endpoint
source, target, pair = (json.loads(text) for text in sys.argv[2:5])
began = time.monotonic()
found = run.compare(Endpoint.from_options(source), Endpoint.from_options(target), run.Pair(**pair))
print(json.dumps({"seconds": time.monotonic() - began, "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                  "differences": [str(each) for each in found.differences]}))
"""


class Lab(copying.Lab):
    """The copying lab with a target that stays, and is compared with the source."""

    def keep(self) -> None:
        """Copies the source once for all comparisons."""
        stream.Stream(dataclasses.replace(self.order(), fresh=KEPT)).run()
        with self.endpoint(self.target).cursor(KEPT) as cursor:
            cursor.execute("VACUUM ANALYZE")
        self.memory: list[float] = []
        self.session = self.endpoint(self.target).connect(KEPT)
        self.change(REMEMBER)

    def change(self, statements: tuple[str, ...]) -> None:
        with self.session.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def compared(self, wanted: int) -> float:
        """The seconds of one comparison in a process of its own, which has to find so many differences in rows."""
        given = {"host": "127.0.0.1", "password_file": str(self.folder / "password")}
        sides = [json.dumps({**given, "port": server.port}) for server in (self.source, self.target)]
        pair = {
            "datastore": "bench",
            "source": copying.SOURCE,
            "target": KEPT,
            "owner": copying.OWNER,
            "roles": {"bench_login": copying.OWNER},
        }
        words = [sys.executable, "-c", ALONE, str(ROOT / ".ansible" / "collections"), *sides, json.dumps(pair)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(done.stderr[-2000:])
        found = json.loads(done.stdout)
        rows = [each for each in found["differences"] if " differs in " in each]
        if len(rows) != wanted or len(found["differences"]) != wanted:
            sys.exit(f"{wanted} differences were planted and these were found: {found['differences']}")
        self.memory.append(found["memory"])
        return found["seconds"]

    def scans(self, whole_rows: bool) -> None:
        """The bare scans of both sides at once, one session each, the largest table first as in the comparison."""
        sides = [
            Side(self.endpoint(self.source), copying.SOURCE, "source"),
            Side(self.endpoint(self.target), KEPT, "target"),
        ]
        try:
            for side in sides:
                side.begin()
            statements = [
                f"SELECT count(*), sum({f'hashtextextended({each.table.alias}::text, 0)' if whole_rows else each.hash}) FROM {each.table.source}"
                for each in sorted(
                    run._plans(tuple(sides), (sides[0].major, sides[1].major), True).values(),
                    key=lambda each: -each.table.pages,
                )
            ]

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


def contenders(lab: Lab, copies: bool) -> list[paired.Contender]:
    found = [
        paired.Contender(OURS, lambda: lab.compared(0)),
        paired.Contender(BARE, lambda: lab.scans(False)),
        paired.Contender(BARE_TEXT, lambda: lab.scans(True)),
        paired.Contender(PLANTED, lambda: _planted(lab)),
    ]
    if copies:
        found.append(paired.Contender(copying.OURS_ARCHIVE, lab.by_archive, lab.settle))
        found.append(paired.Contender(copying.OURS, lab.ours, lab.settle))
    return found


def _planted(lab: Lab) -> float:
    lab.change(PLANT)
    try:
        return lab.compared(3)
    finally:
        lab.change(UPROOT)


def results(times: paired.Times, memory: float, rows: int) -> list[dict]:
    found = [
        paired.result("full verification of both sides", times, OURS, BARE, aim=1.1),
        paired.result("full verification, against scans of whole rows", times, OURS, BARE_TEXT),
        paired.result("naming three planted changes", times, PLANTED, OURS, aim=1.25),
        paired.measured(f"memory of the comparison, {rows} rows", memory, "MB", 200),
    ]
    if copying.OURS in times:
        found.append(
            paired.result("full verification, against the copy by archive", times, OURS, copying.OURS_ARCHIVE, aim=1.0)
        )
        found.append(paired.result("full verification, against the copy by streams", times, OURS, copying.OURS))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=7_000_000)
    parser.add_argument("--rounds", type=int, default=paired.ROUNDS)
    parser.add_argument("--ports", type=int, default=5571, help="the first of two")
    parser.add_argument("--no-copies", action="store_true", help="leave out the copies beside the comparison")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cryptobot-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        servers = [
            postgresql.Server("15", given.ports + number, folder / side, copying.SETTINGS)
            for number, side in enumerate(("source", "target"))
        ]
        lab = Lab(*servers, folder)
        try:
            lab.start(given.rows)
            lab.keep()
            began = time.monotonic()
            times = paired.rounds(contenders(lab, not given.no_copies), given.rounds)
            print(f"  {time.monotonic() - began:.0f} s", file=sys.stderr)
        finally:
            for server in servers:
                server.remove()
    paired.write("postgresql_verify", results(times, max(lab.memory), given.rows))


if __name__ == "__main__":
    main()
