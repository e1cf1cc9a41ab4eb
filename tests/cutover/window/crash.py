"""The crash loop: one window for every way in which it can be cut off, each judged by every acknowledged write.

  crash.py --shard 1/4          run the first quarter of what has not been run for this state of the code
  crash.py --selection          the same with a few of every kind
  crash.py --total              what was run, what passed, what is missing
  crash.py --only stop/docker   those whose names begin so, again
  crash.py --list

The points come from the wrapper of all effects, as a clean window and its recoveries pass them, so that a new effect
can't escape. Results are kept (book.py), and what passed is not repeated. Each run ends with the total of its cases,
of which one that is missing has failed.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path[:0] = [
    str(each)
    for each in (ROOT / ".ansible/collections", ROOT / "tests/servers", ROOT / "tests/cutover/postgresql", HERE)
]

import book as books  # noqa: E402
import cases  # noqa: E402
import faults  # noqa: E402
import stage as stages  # noqa: E402


def learn(book: books.Book) -> None:
    """The points of a window, and those of the recoveries of both kinds, from real ones."""
    with stages.Stage() as stage, stage.load():
        window = faults.points(stage)
        found = {}
        for point in ("before:hand_over", faults.PIVOT):
            faults.Faults(stage, window).killed(point)
            found[point] = faults.reached(stage, "recovery")
    book.keep_points(window, found)


def run(book: books.Book, chosen: cases.Cases, window: list[str]) -> None:
    """Runs cases, on a new stage after one that failed."""
    waiting = dict(chosen)
    while waiting:
        late = cases.kind(next(iter(waiting))) == "late"
        with stages.Stage() as stage, stage.load():
            if late:
                stage.guardian.stop()
                stage.guardian = stages.Guardian(stage, "late_guardian")
            loop = faults.Faults(stage, window)
            while name := following(waiting, late, stage.writer()):
                side, case = waiting.pop(name)
                result = judged(loop, side, case)
                book.keep(name, result)
                print(books.line(name, result), flush=True)
                if result["wrong"]:
                    book.note(name, told(stage))
                    break


def following(waiting: cases.Cases, late: bool, writer: str | None) -> str:
    """The next one for this stage, rather one that begins where the writer is now."""
    fitting = [name for name in waiting if (cases.kind(name) == "late") == late]
    return next((name for name in fitting if waiting[name][0] in ("", writer)), next(iter(fitting), ""))


def judged(loop: faults.Faults, side: str, case: cases.Case) -> books.Result:
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


def told(stage: stages.Stage) -> str:
    said = "\n".join(f"{at:.3f} {text}" for at, text in stage.guardian.said[-30:])
    return f"{said}\n{' '.join(stage.points()) if stage.faults.exists() else ''}\n"


def chosen(all_cases: cases.Cases, given: argparse.Namespace) -> list[str]:
    """The names that this run is about."""
    names = list(all_cases)
    if given.selection:
        return cases.selection(names)
    if given.only:
        return [name for name in names if name.startswith(tuple(given.only.split(",")))]
    return cases.shard(names, *map(int, given.shard.split("/")))


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--shard", default="1/1", metavar="i/n")
    options.add_argument("--selection", action="store_true")
    options.add_argument("--only", default="", metavar="PREFIX,PREFIX")
    options.add_argument("--total", action="store_true")
    options.add_argument("--list", action="store_true")
    given = options.parse_args()
    began, book = time.monotonic(), books.Book.of(stages.VERSIONS)
    if book.points() is None:
        if given.total or given.list:
            sys.exit("No case was run for this state of the code, so none is known. Run some: make test-crash")
        learn(book)
    window, recoveries = book.points()
    all_cases = cases.cases(window, recoveries)
    names = chosen(all_cases, given)
    if given.list:
        print("\n".join(names))
        return 0
    if not given.total:
        # What is asked for by its name is run again.
        left = names if given.only else book.left(names)
        run(book, {name: all_cases[name] for name in left}, window)
        print(f"{len(left)} cases were run, {len(names) - len(left)} had passed before.")
    return books.total(book, names, time.monotonic() - began)


if __name__ == "__main__":
    sys.exit(main())
