"""The crash loop: one window for every way in which it can be cut off, each judged by every acknowledged write.

  crash.py --shard 1/4          run the first quarter of what has not been run for this state of the code
  crash.py --total              what was run, what passed, what is missing
  crash.py --only stop/docker   those whose names begin so, again
  crash.py --list

The points come from the wrapper of all effects, as a clean window and its recoveries pass them, so that a new effect
can't escape. Results are kept in ${XDG_CACHE_HOME:-~/.cache}/cryptobot-native/cutover, by a digest of the code that is
tested.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path[:0] = [
    str(each)
    for each in (ROOT / ".ansible/collections", ROOT / "tests/servers", ROOT / "tests/cutover/postgresql", HERE)
]

import faults  # noqa: E402
import stage as stages  # noqa: E402

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cryptobot-native" / "cutover"
UTILS = "plugins/module_utils/"
TESTED = (
    "plugins/modules/cutover.py", "roles/edge/templates/etc/cryptobot/edge.cfg.j2", "tests/cutover/window",
    *(UTILS + name for name in (
        "cutover", "router/boot.py", "router/maps.py", "router/traffic.py", "router/workers.py", "launcher/haproxy.py",
        "postgresql/endpoint.py", "postgresql/fence", "postgresql/follow", "postgresql/sequences.py",
        "migration/faults.py",
    )),
)  # fmt: skip
GUARDIANS = ("hold:internal", "mark:api", "hand_over", "flip")
ROUTERS = ("hold:internal", "close:api", "flip", "release", "record")
SOURCES = ("close:api", "mark:api", "hand_over", "open:api", "flip", "drop_forward:api")
LATE = ("hold:public", "hold:internal", "close:api", "mark:trade", "point:api", "hand_over", "open:trade", "flip",
        "release", "record", "drop_forward:api", "follow_back:trade", "ended", "clear_intent")  # fmt: skip
Case = Callable[["faults.Faults"], "faults.Outcome"]


def digest() -> str:
    """Of every file that can change a result."""
    found = hashlib.sha256(" ".join(stages.VERSIONS).encode())
    for name in TESTED:
        path = ROOT / name
        for each in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            found.update(str(each.relative_to(ROOT)).encode() + each.read_bytes())
    return found.hexdigest()[:16]


def cases(window: list[str], recoveries: dict[str, list[str]]) -> dict[str, tuple[str, Case]]:
    """By name: the side that writes before, and what is done."""
    found: dict[str, tuple[str, Case]] = {}
    for side in stages.SIDES:
        for point in window:
            found[f"kill/{side}/{point}"] = side, lambda f, point=point: f.killed(point)
            found[f"stop/{side}/{point}"] = side, lambda f, point=point: f.stopped(point)
        for point in (f"{when}:{name}" for name in LATE for when in ("before", "after")):
            found[f"late/{side}/{point}"] = side, lambda f, point=point: f.late(point)
        for name in GUARDIANS:
            for both in (False, True):
                title = f"guardian/{side}/{'both' if both else 'alone'}/before:{name}"
                found[title] = side, lambda f, name=name, both=both: f.guardian_killed(f"before:{name}", both)
        for name in ROUTERS:
            found[f"reload/{side}/before:{name}"] = side, lambda f, name=name: f.router_reloaded(f"before:{name}")
            found[f"router/{side}/before:{name}"] = side, lambda f, name=name: f.router_killed(f"before:{name}")
        for name in SOURCES:
            found[f"source/{side}/before:{name}"] = side, lambda f, name=name: f.source_killed(f"before:{name}")
    for at, points in recoveries.items():
        for point in (each for each in points if each.startswith("before:")):
            found[f"recovery/{at}/{point}"] = "", lambda f, at=at, point=point: f.recovery_killed(at, point)
    return found


class Book:
    """What is known of this state of the code."""

    def __init__(self) -> None:
        self.folder = CACHE / digest()
        self.folder.mkdir(parents=True, exist_ok=True)

    def points(self) -> tuple[list[str], dict[str, list[str]]] | None:
        path = self.folder / "points.json"
        return tuple(json.loads(path.read_text())) if path.exists() else None

    def keep_points(self, window: list[str], recoveries: dict[str, list[str]]) -> None:
        (self.folder / "points.json").write_text(json.dumps([window, recoveries]))

    def result(self, name: str) -> dict | None:
        path = self._path(name)
        return json.loads(path.read_text()) if path.exists() else None

    def keep(self, name: str, result: dict) -> None:
        self._path(name).write_text(json.dumps(result, indent=1))

    def _path(self, name: str) -> Path:
        return self.folder / (name.replace("/", ",") + ".json")


def learn(book: Book) -> None:
    """The points of a window, and those of the recoveries of both kinds, from real ones."""
    with stages.Stage() as stage, stage.load():
        window = faults.points(stage)
        found = {}
        for point in ("before:hand_over", faults.PIVOT):
            faults.Faults(stage, window).killed(point)
            found[point] = faults.reached(stage, "recovery")
    book.keep_points(window, found)


def run(book: Book, chosen: dict[str, tuple[str, Case]], window: list[str]) -> bool:
    """Runs cases, on a new stage after one that failed; whether all passed."""
    waiting, good = dict(chosen), True
    while waiting:
        late = next(iter(waiting)).startswith("late/")
        with stages.Stage() as stage, stage.load():
            if late:
                stage.guardian.stop()
                stage.guardian = stages.Guardian(stage, "late_guardian")
            loop = faults.Faults(stage, window)
            while name := following(waiting, late, stage.writer()):
                side, case = waiting.pop(name)
                result = judged(loop, side, case)
                book.keep(name, result)
                print(line(name, result), flush=True)
                if result["wrong"]:
                    good = False
                    (book.folder / "failed.log").open("a").write(f"== {name}\n" + told(stage))
                    break
    return good


def following(waiting: dict[str, tuple[str, Case]], late: bool, writer: str | None) -> str:
    """The next one for this stage, rather one that begins where the writer is now."""
    fitting = [name for name in waiting if name.startswith("late/") == late]
    return next((name for name in fitting if waiting[name][0] in ("", writer)), next(iter(fitting), ""))


def judged(loop: faults.Faults, side: str, case: Case) -> dict:
    began = time.monotonic()
    try:
        if side:
            loop.home(side)
        outcome = case(loop)
    except Exception as error:
        return {"wrong": [f"{type(error).__name__}: {error}"[:1500]], "seconds": round(time.monotonic() - began, 1)}
    verdict = outcome.verdict
    return {
        "wrong": outcome.wrong, "how": outcome.how, "decided": outcome.decided, "acknowledged": verdict.acknowledged,
        "failed": len(verdict.failed), "why": verdict.reasons(), "gap": round(verdict.gap, 3),
        "longest": round(verdict.longest, 3), "controller": outcome.controller[:300],
        "seconds": round(time.monotonic() - began, 1),
    }  # fmt: skip


def line(name: str, result: dict) -> str:
    figures = f"{result.get('how', ''):6} decided {result.get('decided')} s, {result.get('acknowledged', 0)} writes, "
    figures += f"{result.get('failed', 0)} failed, gap {result.get('gap', 0)} s, {result['seconds']} s"
    return f"{'FAILED' if result['wrong'] else 'ok':6} {name:44} {figures} {'; '.join(result['wrong'])}"


def told(stage: stages.Stage) -> str:
    said = "\n".join(f"{at:.3f} {text}" for at, text in stage.guardian.said[-30:])
    return f"{said}\n{' '.join(stage.points()) if stage.faults.exists() else ''}\n"


def total(book: Book, all_cases: dict[str, tuple[str, Case]]) -> int:
    """Prints what was run, passed and is missing; 0 where all passed and none is missing."""
    results = {name: book.result(name) for name in all_cases}
    kinds: dict[str, list[dict | None]] = {}
    for name, result in results.items():
        kinds.setdefault(name.split("/")[0], []).append(result)
    heads = ("cases", "run", "passed", "missing", "writes", "failed requests", "slowest decision")
    print(f"{'kind':10} {' '.join(f'{head:>8}' for head in heads)}")
    for kind, found in kinds.items():
        ran = [each for each in found if each]
        passed, writes = sum(not each["wrong"] for each in ran), sum(each.get("acknowledged", 0) for each in ran)
        failed = sum(each.get("failed", 0) for each in ran)
        slowest = max((each.get("decided") or 0 for each in ran), default=0)
        row = (len(found), len(ran), passed, len(found) - len(ran), writes, failed)
        shown = " ".join(f"{value:{max(8, len(head))}}" for value, head in zip(row, heads, strict=False))
        print(f"{kind:10} {shown} {slowest:14.2f} s")
    for name, result in results.items():
        if result and result["wrong"]:
            print(line(name, result))
    missing = [name for name, result in results.items() if result is None]
    bad = [name for name, result in results.items() if result and result["wrong"]]
    ran = len(results) - len(missing)
    print(f"{len(results)} cases, {ran} run, {ran - len(bad)} passed, {len(missing)} missing")
    return 1 if missing or bad else 0


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--shard", default="1/1", metavar="i/n")
    options.add_argument("--only", default="", metavar="PREFIX,PREFIX")
    options.add_argument("--total", action="store_true")
    options.add_argument("--list", action="store_true")
    given = options.parse_args()
    book = Book()
    if book.points() is None:
        learn(book)
    window, recoveries = book.points()
    all_cases = cases(window, recoveries)
    if given.list:
        print("\n".join(all_cases))
        return 0
    if given.total:
        return total(book, all_cases)
    number, count = map(int, given.shard.split("/"))
    names = sorted(all_cases, key=lambda name: hashlib.sha256(name.encode()).hexdigest())[number - 1 :: count]
    chosen = {name: all_cases[name] for name in all_cases if name in set(names)}
    if given.only:
        chosen = {name: case for name, case in chosen.items() if name.startswith(tuple(given.only.split(",")))}
    else:
        chosen = {name: case for name, case in chosen.items() if (book.result(name) or {"wrong": [1]})["wrong"]}
    good = run(book, chosen, window)
    print(f"{len(chosen)} cases of shard {given.shard} were run.")
    return 0 if total(book, all_cases) == 0 or (good and count > 1) else 1


if __name__ == "__main__":
    sys.exit(main())
