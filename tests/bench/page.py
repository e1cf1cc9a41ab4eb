"""Writes docs/benchmarks.md from what `make bench-data` has left in build/bench.

tests/bench/page.py --date 2026-01-31 --text remarks.md
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import paired  # noqa: E402

PAGE = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"
PARTS = {
    "postgresql_copy": "PostgreSQL: copy",
    "postgresql_verify": "PostgreSQL: verification",
    "postgresql_scale": "PostgreSQL: one size and another",
    "data-redis": "Redis",
    "data-files": "Files",
}
VERSIONS = (
    ("psql", "--version"),
    ("pgcopydb", "--version"),
    ("redis-server", "--version"),
    ("rsync", "--version"),
    (sys.executable, "--version"),
)
HEAD = """# Benchmarks of moving data

`make bench-data` lets ours and the ways by hand run in turn, A B A B, every second round the other way round. A ratio is
taken within each round; the table has its median and its spread over the rounds. `aim` is the highest ratio (or, for a
rate, the lowest value) that is wanted, `met` whether the median keeps it. Single times say little on another machine.
"""


def machine() -> str:
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    model = next(
        (line.partition(":")[2].strip() for line in open("/proc/cpuinfo", encoding="utf-8") if "model name" in line), ""
    )
    system = platform.freedesktop_os_release().get("PRETTY_NAME", "")
    return f"{os.cpu_count()} processors ({model}), {memory:.0f} GB of memory, {system}, Linux {platform.release()}"


def versions() -> str:
    found = []
    for words in VERSIONS:
        try:
            said = subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()[0].split(" sha=")[0]
        except (OSError, subprocess.CalledProcessError):
            continue
        found.append(" ".join(said.split())[:60])
    return "; ".join(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--date", required=True)
    parser.add_argument("--text", type=Path, help="what else is to be said")
    given = parser.parse_args()
    parts = [HEAD, f"Measured {given.date} on {machine()}.\n\nVersions: {versions()}.\n"]
    for name, title in PARTS.items():
        path = paired.RESULTS / f"{name}.json"
        if path.exists():
            parts.append(f"## {title}\n\n{paired.table(json.loads(path.read_text(encoding='utf-8')))}\n")
    if given.text:
        parts.append(given.text.read_text(encoding="utf-8"))
    PAGE.write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
