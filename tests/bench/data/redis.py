"""Copying and comparing a Redis: ours against DUMP and RESTORE in the usual loop of a script, in turn.

  tests/bench/data/redis.py --keys 500000 --rounds 5

Source and target are Debian's redis-server on this machine; the target keeps an append-only file, which is whole when a copy
counts as done.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "tests" / "bench"), str(ROOT / ".ansible" / "collections")]

import importlib.util  # noqa: E402

import paired  # noqa: E402
from ansible_collections.cryptobot.native.plugins.module_utils.migration.journal import Journal  # noqa: E402
from ansible_collections.cryptobot.native.plugins.module_utils.redis.compare import Comparison, Wish  # noqa: E402
from ansible_collections.cryptobot.native.plugins.module_utils.redis.endpoint import Endpoint  # noqa: E402
from ansible_collections.cryptobot.native.plugins.module_utils.redis.transfer import Task, Transfer  # noqa: E402

REPLICA, RESTORE, TYPEWISE = "as a replica", "by serialised values", "type by type"
LOOP, COMPARED = "script: SCAN, DUMP, RESTORE, 100 at a time", "comparison"
AT_ONCE = 100


def servers():
    spec = importlib.util.spec_from_file_location("redis_servers", ROOT / "tests" / "servers" / "redis.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


class Lab:
    """Two servers and a journal for each turn."""

    def __init__(self, source: Endpoint, target: Endpoint, folder: Path) -> None:
        self._source, self._target, self._folder, self._turn = source, target, folder, 0
        self.longest: list[float] = []

    def emptied(self) -> None:
        with self._target.connect() as redis:
            redis.call("FLUSHALL")
            redis.call("FUNCTION", "FLUSH")

    def copied(self, way: str) -> None:
        self._turn += 1
        transfer = Transfer(
            Task("bench", "redis", self._source, self._target, {}, way), Journal(self._folder / str(self._turn))
        )
        transfer.copied()
        transfer.active()

    def loop(self) -> None:
        """What scripts do: a page of names, their values, and each restored."""
        for index in (0, 3):
            with self._source.connect(index) as source, self._target.connect(index) as target:
                cursor = b"0"
                while True:
                    cursor, keys = source.ask("SCAN", cursor, "COUNT", str(AT_ONCE))
                    found = source.many([words for key in keys for words in (("DUMP", key), ("PTTL", key))])
                    target.many(
                        [
                            ("RESTORE", key, str(max(0, found[2 * n + 1])), found[2 * n], "REPLACE")
                            for n, key in enumerate(keys)
                            if found[2 * n]
                        ]
                    )
                    if cursor == b"0":
                        break

    def compared(self) -> float:
        """Keys a second. What kept the source longer than a millisecond is in its slow log."""
        with self._source.connect() as redis:
            redis.call("CONFIG", "SET", "slowlog-log-slower-than", "1000", "slowlog-max-len", "100000")
            redis.call("SLOWLOG", "RESET")
        found = Comparison(self._source, self._target, Wish("redis")).run()
        if not found["equal"]:
            sys.exit(found["differences"][0]["text"] if found["differences"] else "The copy differs.")
        with self._source.connect() as redis:
            ours = [each for each in redis.call("SLOWLOG", "GET", "-1") if each[3][0] not in ("CONFIG", "SLOWLOG")]
            lasted = [each[2] / 1000 for each in ours]
        self.longest.append(max(lasted, default=1.0))
        return float(found["keys_per_second"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=paired.ROUNDS)
    chosen = parser.parse_args()
    made = servers()
    with tempfile.TemporaryDirectory(prefix="bench-redis-") as name:
        folder = Path(name)
        with (
            made.Server(made.free_port(), folder / "source", password="bench") as source,
            made.Server(made.free_port(), folder / "target", more=("--appendonly", "yes")) as target,
        ):
            source.seed(chosen.keys)
            lab = Lab(Endpoint.from_options(source.options), Endpoint.from_options(target.options), folder / "journals")
            contenders = [
                paired.Contender(way, lambda word=word: lab.copied(word), lab.emptied)
                for way, word in ((REPLICA, "replica"), (RESTORE, "restore"), (TYPEWISE, "typewise"))
            ]
            contenders.append(paired.Contender(LOOP, lab.loop, lab.emptied))
            times = paired.rounds(contenders, chosen.rounds)
            lab.emptied()
            lab.copied("replica")
            speeds = paired.rounds([paired.Contender(COMPARED, lab.compared)], chosen.rounds)
    results = [paired.result(f"copy {way}", times, way, LOOP) for way in (REPLICA, RESTORE, TYPEWISE)]
    for way, aim in ((REPLICA, 50_000), (RESTORE, 50_000), (TYPEWISE, None)):
        best = chosen.keys / sorted(times[way])[len(times[way]) // 2]
        results.append(paired.measured(f"copy {way}, keys a second", best, "1/s", aim, at_least=True))
    middle = sorted(speeds[COMPARED])[len(speeds[COMPARED]) // 2]
    results.append(paired.measured("compare both sides, keys a second", middle, "1/s", 150_000, at_least=True))
    slice_ = sorted(lab.longest)[len(lab.longest) // 2]
    results.append(paired.measured("longest hold of the source while it is compared", slice_, "ms", 10))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    results.append(paired.measured("memory of the copying process", memory, "MB", 200))
    paired.write("data-redis", results)


if __name__ == "__main__":
    main()
