"""Windows there and back under load, at several sizes of the databases; what the router and following cost meanwhile.

  tests/bench/cutover.py                              50 MB and 1 GB, 20 windows each, then router and following
  tests/bench/cutover.py --sizes 50 1000 5000         (5 GB need 30 GB of disk)
  tests/bench/cutover.py --sizes 50 --switches 4 --parts window
  tests/bench/cutover.py --diagram                    the steps of the window in the middle, as text

Two servers, the router with its own configuration, the guardian and the module `cutover` are those of
tests/cutover/window, and so are the service, whose writes call another one before they are acknowledged, the clients,
which never retry, and the judge, which reconciles every acknowledged write with the rows of both sides. 200 writes and
500 reads a second go on all the time; half of the clients make a connection for each request.

Router: the same clients at a door and at the service behind it, in turn. Following: writes alone, which the service
does not delay, at half of the rate that they reach without following and at all of it, with following and without, in
turn. Without it there is no fence either.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [
    str(ROOT / each)
    for each in (
        ".ansible/collections", "tests/bench", "tests/servers",
        *(f"tests/cutover/{name}" for name in ("postgresql", "redis", "window")),
    )
]

import cutover_figures as figures  # noqa: E402
import lab  # noqa: E402
import paired  # noqa: E402
import stage as stages  # noqa: E402
from ansible_collections.cryptobot.native.plugins.module_utils.cutover.intent import ENDED  # noqa: E402
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.fence import install  # noqa: E402
from judge import judged  # noqa: E402
from parts import requests  # noqa: E402

WRITES, READS = 200, 500
CLIENTS = ("--writers", 24, "--readers", 12)
LOAD = (*CLIENTS, "--writes", WRITES, "--reads", READS)
WARM, QUIET, PAUSE, BURST = 2.0, 10.0, 1.0, 8.0
ROW_BYTES, EMPTY = 655, 7.6
"""What a row takes with its share of indexes, and the megabytes of a database without rows."""
KEYED = {"trade": "orders", "api": "calls"}
_FILL = """
ALTER TABLE {0} ADD payload text;
INSERT INTO {0} (id, payload, at)
  SELECT 'seed-' || i, repeat(md5(i::text), 15), now() - interval '1 day' FROM generate_series(1, {1}) i;
CREATE INDEX ON {0} (at)"""
WITH, WITHOUT, ROUTER, DIRECT = "with following", "without", "by the router", "direct"
PARTS = ("window", "router", "following")


class Filled(stages.Stage):
    """Two databases that have so many megabytes together, in the tables that are written."""

    durable = False

    def __init__(self, megabytes: int) -> None:
        super().__init__()
        self._rows = max(1, int((megabytes / len(KEYED) - EMPTY) * 2**20 / ROW_BYTES))
        self._bursts = 0

    def fill(self) -> None:
        for name, table in KEYED.items():
            self.place("docker", name).sql(_FILL.format(table, self._rows), user=lab.APP)

    def settle(self) -> float:
        """As autovacuum would leave it; the megabytes of a side."""
        for side in stages.SIDES:
            for name in self.datastores:
                connection = self.place(side, name).connect("postgres")
                with connection.cursor() as cursor:
                    cursor.execute("VACUUM ANALYZE")
                    cursor.execute("CHECKPOINT")
                connection.close()
        sizes = [self.place("docker", name).sql("SELECT pg_database_size(current_database())") for name in KEYED]
        return sum(rows[0][0] for rows in sizes) / 2**20

    def burst(self, port: int, *words: object) -> tuple[list[stages.Request], float]:
        """What clients got at a port in a while, and how long that was."""
        self._bursts += 1
        log = self.folder / f"burst-{self._bursts}.log"
        process = self.clients(port, log, "--name", "quick", *words)
        time.sleep(WARM)
        began = time.time()
        time.sleep(BURST)
        until = time.time()
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        return requests(log, began, until), until - began

    # Following

    def follow(self) -> None:
        self.following.begin()
        self.following.catch_up(60.0)

    def leave(self) -> None:
        """No following, no fence, and no copies."""
        self.following.end()
        for name in self.datastores:
            install.remove(self.place("docker", name).endpoint, self.place("docker", name).database, 30.0)
            lab.Place(self.servers["native"], "postgres").sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def windows(megabytes: int, switches: int) -> figures.Size:
    """There and back; each window with what clients saw of it."""
    with Filled(megabytes) as stage:
        size = stage.settle()
        with stage.load(*LOAD):
            time.sleep(WARM)
            began = time.time()
            time.sleep(QUIET)
            quiet = stage.requests(began)
            read, write = figures.p99(quiet, False), figures.p99(quiet, True)
            found = figures.Size(f"{megabytes} MB", size, figures.rates(quiet, QUIET), read, write)
            for __ in range(switches):
                time.sleep(PAUSE)
                one(stage, found)
    return found


def one(stage: Filled, size: figures.Size) -> None:
    began, side = time.time(), stages.other(stage.writer() or "docker")
    said = stage.switch(side)
    if said.get("failed"):
        size.given_up.append(said["msg"])
        print(f"  {size.title:8} to {side:6} GIVEN UP: {said['msg']}", file=sys.stderr, flush=True)
        return
    ended = (stage.state / ENDED).stat().st_mtime
    verdict = judged(stage, began)
    in_flight, waited, read = figures.slowest(stage.requests(began), *figures.moments(said["steps"], ended))
    found = figures.Switch(
        said["write_window"], said["held"], verdict.gap, in_flight, waited, read, verdict.acknowledged,
        len(verdict.failed), verdict.lost, verdict.doubled, tuple(verdict.wrong), said["steps"],
    )  # fmt: skip
    size.switches.append(found)
    names = ("window", "held", "in_flight", "gap", "waited", "read")
    times = ", ".join(f"{name} {getattr(found, name) * 1000:4.0f}" for name in names)
    told = f"{times} ms; {verdict.acknowledged} writes {'; '.join(verdict.wrong)}"
    print(f"  {size.title:8} to {side:6} {told}", file=sys.stderr, flush=True)


def router(megabytes: int, rounds: int) -> list[dict]:
    """What 99 of 100 requests take at a door, and at the service itself."""
    writes: dict[str, list[float]] = {ROUTER: [], DIRECT: []}

    def turn(stage: Filled, name: str) -> Callable[[], float]:
        port = stage.doors["trade"]["public"] if name == ROUTER else stage.ports["docker"]["trade"]

        def run() -> float:
            answers, __ = stage.burst(port, *LOAD)
            writes[name].append(figures.p99(answers, True) * 1000)
            return figures.p99(answers, False) * 1000

        return run

    with Filled(megabytes) as stage:
        stage.settle()
        reads = paired.rounds([paired.Contender(name, turn(stage, name)) for name in (DIRECT, ROUTER)], rounds)
    return [
        paired.result("reads by the router, p99", reads, ROUTER, DIRECT, "ms"),
        paired.result("writes by the router, p99", writes, ROUTER, DIRECT, "ms"),
    ]


def following(megabytes: int, rounds: int) -> list[dict]:
    """Writes with a copy that follows and without, at half of the rate that is reached without, and at all of it."""
    found = []
    with Filled(megabytes) as stage:
        stage.settle()
        door, writers = stage.doors["trade"]["public"], ("--readers", 0, "--writers", 16)
        stage.leave()
        answers, seconds = stage.burst(door, *writers, "--closed")
        most = figures.rates(answers, seconds)[0]
        found.append(paired.measured("writes a second at saturation, without following", most, "1/s"))
        stage.follow()
        state = {"followed": True}

        def prepare(followed: bool) -> None:
            if followed != state["followed"]:
                (stage.follow if followed else stage.leave)()
                state["followed"] = followed

        for title, words, aim in (
            ("half of that", ("--writes", most / 2), 1.1),
            ("saturation", ("--closed",), None),
        ):
            slow: dict[str, list[float]] = {WITH: [], WITHOUT: []}

            def turn(name: str, words: tuple = words, slow: dict = slow) -> float:
                answers, seconds = stage.burst(door, *writers, *words)
                slow[name].append(figures.p99(answers, True) * 1000)
                return 1000 / max(figures.rates(answers, seconds)[0], 0.001)

            contenders = [
                paired.Contender(name, lambda name=name: turn(name), lambda name=name: prepare(name == WITH))
                for name in (WITH, WITHOUT)
            ]
            times = paired.rounds(contenders, rounds)
            found.append(paired.result(f"time for each write at {title}", times, WITH, WITHOUT, "ms", aim))
            found.append(paired.result(f"p99 of writes at {title}", slow, WITH, WITHOUT, "ms", aim))
    return found


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--sizes", type=int, nargs="+", default=[50, 1000], metavar="MB")
    options.add_argument("--switches", type=int, default=20)
    options.add_argument("--rounds", type=int, default=paired.ROUNDS)
    options.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    options.add_argument("--diagram", action="store_true")
    given = options.parse_args()
    before = paired.measured("load of the machine before, 1 minute", os.getloadavg()[0], "")
    smallest = min(given.sizes)
    good = True
    if "window" in given.parts:
        sizes = [windows(each, given.switches) for each in sorted(given.sizes)]
        paired.write("cutover-window", [before, *figures.results(sizes)])
        good = all(size.switches and not any(each.wrong for each in size.switches) for size in sizes)
        if given.diagram and sizes[0].switches:
            ordered = sorted(sizes[0].switches, key=lambda each: each.window)
            print(figures.diagram(ordered[len(ordered) // 2].steps))
    if "router" in given.parts:
        paired.write("cutover-router", router(smallest, given.rounds))
    if "following" in given.parts:
        paired.write("cutover-following", following(smallest, given.rounds))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
