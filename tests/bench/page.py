"""Writes docs/benchmarks.md from what `make bench-data` has left in build/bench, or docs/benchmarks-cutover.md from
what `make bench-cutover` has.

tests/bench/page.py data|cutover --date 2026-01-31 --text remarks.md
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import paired  # noqa: E402

DOCS = Path(__file__).resolve().parents[2] / "docs"
VERSIONS = (
    ("psql", "--version"),
    ("pgcopydb", "--version"),
    ("redis-server", "--version"),
    ("haproxy", "-v"),
    ("rsync", "--version"),
    (sys.executable, "--version"),
)


@dataclass(frozen=True)
class Page:
    """A page: its file, what it begins with, and its tables by the names of their results."""

    path: Path
    head: str
    parts: dict[str, str]


DATA = """# Benchmarks of moving data

`make bench-data` lets ours and the ways by hand run in turn, A B A B, every second round the other way round. A ratio is
taken within each round; the table has its median and its spread over the rounds. `aim` is the highest ratio (or, for a
rate, the lowest value) that is wanted, `met` whether the median keeps it. Single times say little on another machine.
"""
CUTOVER = """# Benchmarks of a cutover

`make bench-cutover` lets two databases change sides by the module `cutover`, there and back, while 200 writes and 500
reads a second go on by the router. Every write calls another service before it is acknowledged; half of the clients
make a connection for each request; none retries. After each window every acknowledged write is looked for on both
sides, and two open sides are looked for all the time. Servers (PostgreSQL 15 and 17), router, guardian, services and
clients share one machine. `aim` is the highest value, or ratio, that is wanted, `met` whether it is kept. Times say
little on another machine.

- *write window*: from the moment when nothing is under way any more until requests go on. *Hold to release* has the
  wait for what was under way, too, of which *the longest write in flight* is the least it can be.
- *longest gap*: between two acknowledged writes, of all clients together.
- *slowest write that waited*: from its begin to its answer, of those that the release let go.
- Router and following: in turn, A B A B; a ratio is taken within each round. Following is left out together with the
  fence.
"""
PAGES = {
    "data": Page(
        DOCS / "benchmarks.md",
        DATA,
        {
            "postgresql_copy": "PostgreSQL: copy",
            "postgresql_verify": "PostgreSQL: verification",
            "postgresql_scale": "PostgreSQL: one size and another",
            "data-redis": "Redis",
            "data-files": "Files",
        },
    ),
    "cutover": Page(
        DOCS / "benchmarks-cutover.md",
        CUTOVER,
        {"cutover-window": "Windows", "cutover-router": "The router", "cutover-following": "Following"},
    ),
}


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
            said = subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()[0]
        except (OSError, subprocess.CalledProcessError):
            continue
        found.append(" ".join(said.split(" sha=")[0].split(" - ")[0].split())[:60])
    return "; ".join(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("page", choices=PAGES)
    parser.add_argument("--date", required=True)
    parser.add_argument("--text", type=Path, help="what else is to be said")
    given = parser.parse_args()
    page = PAGES[given.page]
    parts = [page.head, f"Measured {given.date} on {machine()}.\n\nVersions: {versions()}.\n"]
    for name, title in page.parts.items():
        path = paired.RESULTS / f"{name}.json"
        if path.exists():
            parts.append(f"## {title}\n\n{paired.table(json.loads(path.read_text(encoding='utf-8')))}\n")
    if given.text:
        parts.append(given.text.read_text(encoding="utf-8"))
    page.path.write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
