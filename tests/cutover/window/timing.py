"""Switches there and back under load, with what each took; and a diagram of one of them, as text.

  timing.py [--switches 20] [--diagram]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path[:0] = [
    str(each)
    for each in (ROOT / ".ansible/collections", ROOT / "tests/servers", ROOT / "tests/cutover/postgresql", HERE)
]

import stage as stages  # noqa: E402
from judge import judged  # noqa: E402

WIDTH = 60


def diagram(said: dict) -> str:
    """From the first hold on to a while after the release; a mark is `#`."""
    steps = said["steps"]
    first, last = steps["hold:public"]["at"], steps["release"]["at"] + steps["release"]["seconds"]
    shown = {name: each for name, each in steps.items() if first <= each["at"] <= last}
    scale = WIDTH / (last - first)
    lines = []
    for name, each in sorted(shown.items(), key=lambda item: item[1]["at"]):
        start, length = (each["at"] - first) * scale, max(1, round(each["seconds"] * scale))
        bar = (" " * int(start) + "#" * length)[:WIDTH]
        lines.append(f"{name:18} |{bar:{WIDTH}}| {(each['at'] - first) * 1000:5.0f} + {each['seconds'] * 1000:.0f} ms")
    return "\n".join(lines)


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--switches", type=int, default=20)
    options.add_argument("--diagram", action="store_true")
    given = options.parse_args()
    rows, wrong, best = [], [], None
    with stages.Stage() as stage, stage.load():
        for number in range(given.switches):
            began = time.time()
            said = stage.switch(stages.other(stage.writer() or "docker"))
            if said.get("failed"):
                print(said["msg"])
                return 1
            found = judged(stage, began)
            wrong += found.wrong
            rows.append((said["write_window"], said["held"], found.gap, found.longest))
            if best is None or said["write_window"] < best["write_window"]:
                best = said
            figures = ", ".join(f"{value * 1000:5.0f}" for value in rows[-1])
            print(f"{number:3} {figures} ms {found.acknowledged} writes {found.wrong or ''}", flush=True)
    names = ("drained to released", "hold to released", "longest gap of writes", "slowest write")
    for name, values in zip(names, zip(*rows, strict=True), strict=True):
        print(f"{name:22} median {statistics.median(values) * 1000:5.0f} ms, worst {max(values) * 1000:5.0f} ms")
    if given.diagram and best:
        print(diagram(best))
    print("; ".join(wrong) or "no request failed, no row was lost or doubled")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
