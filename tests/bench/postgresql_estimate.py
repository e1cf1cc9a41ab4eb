"""What the plan predicts of a copy and a verification against what they take: sizes, a slow line, half the cores.

  tests/bench/postgresql_estimate.py --rows 70000 350000 1750000 --line 80mbit

The source runs in a network namespace of its own, so that `tc tbf` throttles the line to it and nothing else. Half the
CPU: servers and programs keep to the first half of the cores. Needs root. Exit code 1 where a prediction is wrong by
more than a factor of 2.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import paired  # noqa: E402
import postgresql_lab  # noqa: E402  (says where the collection is)
from ansible_collections.cryptobot.native.plugins.module_utils.migration import estimate, speed  # noqa: E402
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql import inventory, throughput  # noqa: E402

JOBS, KEPT, SOURCE, Lab = postgresql_lab.JOBS, postgresql_lab.KEPT, postgresql_lab.SOURCE, postgresql_lab.Lab
SPACE, NEAR, FAR = "cryptobot-bench", "cryptobot-near", "cryptobot-far"
HERE, THERE, NETWORK = "10.213.91.1", "10.213.91.2", "10.213.91.0/24"
WITHIN = 2.0
CLONE_NEWNET = 0x40000000


def program(*words: str) -> None:
    subprocess.run(words, check=True)


@contextmanager
def network() -> Iterator[None]:
    """A namespace with one line to it."""
    program("ip", "netns", "add", SPACE)
    try:
        program("ip", "link", "add", NEAR, "type", "veth", "peer", "name", FAR, "netns", SPACE)
        program("ip", "address", "add", f"{HERE}/24", "dev", NEAR)
        program("ip", "link", "set", NEAR, "up")
        for words in (
            ("address", "add", f"{THERE}/24", "dev", FAR),
            ("link", "set", FAR, "up"),
            ("link", "set", "lo", "up"),
        ):
            program("ip", "-n", SPACE, *words)
        yield
    finally:
        program("ip", "netns", "del", SPACE)


@contextmanager
def inside() -> Iterator[None]:
    """What is started here belongs to the namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    before = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{SPACE}", os.O_RDONLY)
    try:
        if libc.setns(there, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
        yield
    finally:
        libc.setns(before, CLONE_NEWNET)
        os.close(before)
        os.close(there)


def start(lab: Lab) -> None:
    lab.source.settings = {**lab.source.settings, "listen_addresses": THERE}
    with inside():
        lab.source.start()
    access = lab.source.directory / "data" / "pg_hba.conf"
    if NETWORK not in access.read_text(encoding="utf-8"):
        with access.open("a", encoding="utf-8") as file:
            file.write(f"host all all {NETWORK} scram-sha-256\n")
        lab.source.stop()
        with inside():
            lab.source.start()
    lab.target.start()


@contextmanager
def slow_line(rate: str) -> Iterator[None]:
    program(
        "ip",
        "netns",
        "exec",
        SPACE,
        "tc",
        "qdisc",
        "add",
        "dev",
        FAR,
        "root",
        "tbf",
        "rate",
        rate,
        "burst",
        "256kb",
        "latency",
        "50ms",
    )
    try:
        yield
    finally:
        program("ip", "netns", "exec", SPACE, "tc", "qdisc", "del", "dev", FAR, "root")


@contextmanager
def half_the_cores(lab: Lab) -> Iterator[None]:
    cores = sorted(os.sched_getaffinity(0))
    restart(lab, set(cores[: max(1, len(cores) // 2)]))
    try:
        yield
    finally:
        restart(lab, set(cores))


def restart(lab: Lab, cores: set[int]) -> None:
    os.sched_setaffinity(0, cores)
    for server in (lab.source, lab.target):
        server.stop()
    start(lab)


def predicted(lab: Lab) -> dict[str, float]:
    """As `plan` reckons."""
    source = lab.endpoint(lab.source)
    shown = inventory.database(source, SOURCE)
    known = throughput.estimate(shown, throughput.measure(source, [SOURCE], JOBS))
    item = {
        "kind": "postgresql",
        "bytes": shown.size,
        "shape": {"objects": len(shown.tables), "table_bytes": shown.table_bytes},
        "estimate": known,
    }
    speeds = {"cpu": speed.processor(), "cores": float(len(os.sched_getaffinity(0))), "database": speed.DATABASE_RATE}
    found = estimate.seconds(item, speeds)
    return {"copy": found["copy"], "compare": found["verify"], "line": known["line"]}


def look(lab: Lab, title: str) -> list[dict]:
    """One prediction and what came of it; the copy is kept."""
    expected = predicted(lab)
    lab.settle()
    taken = {"copy": lab.ours("copy")["seconds"]}
    lab.keep()
    taken["compare"] = lab.ours("compare", KEPT)["seconds"]
    found = []
    for task, seconds in taken.items():
        ratio = expected[task] / seconds
        print(
            f"  {title:45} {task:8} predicted {expected[task]:7.1f} s  took {seconds:7.1f} s  {ratio:5.2f}", flush=True
        )
        found.append(
            {
                **paired.measured(f"{title}: {task}, predicted", expected[task], "s"),
                "against": "what it took",
                "against_value": round(seconds, 3),
                "ratio": round(ratio, 3),
                "aim": WITHIN,
                "met": 1 / WITHIN <= ratio <= WITHIN,
            }
        )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[70_000, 350_000, 1_750_000])
    parser.add_argument("--line", default="80mbit", help="rate of the slow line")
    parser.add_argument("--port", type=int, default=5591, help="the first of two")
    given = parser.parse_args()
    found: list[dict] = []
    with tempfile.TemporaryDirectory(prefix="cryptobot-bench-") as name, network():
        folder = Path(name)
        folder.chmod(0o755)
        lab = Lab(folder, given.port, THERE)
        try:
            start(lab)
            for rows in given.rows:
                lab.seed(rows)
                found += look(lab, f"{rows} rows")
                with slow_line(given.line):
                    found += look(lab, f"{rows} rows, line of {given.line}")
                with half_the_cores(lab):
                    found += look(lab, f"{rows} rows, half the cores")
        finally:
            lab.remove()
    paired.write("postgresql_estimate", found)
    if not all(each["met"] for each in found):
        sys.exit("A prediction was wrong by more than a factor of 2.")


if __name__ == "__main__":
    main()
