"""Copying and comparing a directory: ours against plain rsync with the same options, and against sha256sum, in turn.

  tests/bench/data/files.py --files 20000 --megabytes 600 --rounds 5

As root, on the file system of the temporary directory (TMPDIR).
"""

from __future__ import annotations

import argparse
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "tests" / "bench"), str(ROOT / ".ansible" / "collections")]

import paired  # noqa: E402
from ansible_collections.cryptobot.native.plugins.module_utils.files.compare import Comparison, Wish  # noqa: E402
from ansible_collections.cryptobot.native.plugins.module_utils.files.ownership import Ownership  # noqa: E402
from ansible_collections.cryptobot.native.plugins.module_utils.files.place import Place  # noqa: E402
from ansible_collections.cryptobot.native.plugins.module_utils.files.transfer import Task, Transfer  # noqa: E402
from ansible_collections.cryptobot.native.plugins.module_utils.migration.journal import Journal  # noqa: E402

OURS, RSYNC = "ours", "rsync -aHAXS --numeric-ids"
MANIFEST, SUMS = "ours, manifest of both sides", "sha256sum of both sides, two at a time"
OWNERSHIP = {"users": ["61990", "61991"], "group": "61992", "run_as": [0, 1000]}


class Lab:
    """A seeded directory and what it is copied to."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.source, self.plain = folder, folder / "source", folder / "plain"
        self._turn = 0
        target = Place(str(folder / "ours"), str(folder / "ours"))
        self.task = Task("bench", "bars", Place(str(self.source), "source"), target, Ownership.from_options(OWNERSHIP))

    def seed(self, files: int, megabytes: int) -> None:
        self.source.mkdir()
        words = [sys.executable, str(ROOT / "tests" / "seed" / "files.py"), str(self.source)]
        subprocess.run(
            [*words, "--files", str(files), "--megabytes", str(megabytes)], check=True, stdout=subprocess.DEVNULL
        )

    def emptied(self) -> None:
        for path in (self.plain, Path(self.task.target.incoming)):
            shutil.rmtree(path, ignore_errors=True)
        subprocess.run(["sync", "--file-system", self.folder], check=True)

    def ours(self) -> None:
        self._turn += 1
        Transfer(self.task, Journal(self.folder / f"journal-{self._turn}")).copied()

    def rsync(self) -> None:
        subprocess.run(["rsync", "-aHAXS", "--numeric-ids", f"{self.source}/", f"{self.plain}/"], check=True)

    def compared(self) -> None:
        found = Comparison(self.task, Wish(self.task.target.incoming)).run()
        if found.differences:
            sys.exit(found.differences[0]["text"])

    def sums(self) -> None:
        names = f"find {self.source} {self.task.target.incoming} -type f -print0"
        subprocess.run(["sh", "-c", f"{names} | xargs -0 -P 2 -n 500 sha256sum >/dev/null"], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--megabytes", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=paired.ROUNDS)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-files-") as name:
        lab = Lab(Path(name))
        lab.seed(chosen.files, chosen.megabytes)
        copies = [paired.Contender(OURS, lab.ours, lab.emptied), paired.Contender(RSYNC, lab.rsync, lab.emptied)]
        times = paired.rounds(copies, chosen.rounds)
        lab.emptied()
        lab.ours()
        sums = paired.rounds(
            [paired.Contender(MANIFEST, lab.compared), paired.Contender(SUMS, lab.sums)], chosen.rounds
        )
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    results = [
        paired.result("copy a directory", times, OURS, RSYNC, aim=1.3),
        paired.result("compare two directories", sums, MANIFEST, SUMS, aim=1.3),
        paired.measured("memory of the copying process", memory, "MB", 200),
    ]
    paired.write("data-files", results)


if __name__ == "__main__":
    main()
