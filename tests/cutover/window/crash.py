"""The crash loop: one window for every way in which it can be cut off, each judged by every acknowledged write.

  crash.py --shard 1/4          run the first quarter of what has not been run for this state of the code
  crash.py --selection          the same with a few of every kind
  crash.py --total              what was run, what passed, what is missing
  crash.py --only stop/docker   those whose names begin so, again
  crash.py --list

It takes a machine with systemd that may be written to: on_host.py makes one. The points come from the wrapper of all
effects, as a clean window and its recoveries pass them, so that a new effect can't escape. Results are kept (book.py),
and what passed is not repeated. Each run ends with the total of its cases, of which one that is missing has failed.
"""

from __future__ import annotations

import argparse
import sys
import time
from contextlib import ExitStack
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path[:0] = [
    str(ROOT / each)
    for each in (
        ".ansible/collections", "tests/servers",
        *(f"tests/cutover/{name}" for name in ("postgresql", "redis", "window")),
    )
]

import book as books  # noqa: E402
import cases  # noqa: E402
import faults  # noqa: E402
import setups  # noqa: E402
import stage as stages  # noqa: E402


class Loop:
    """The cases of one setup, on one stage until a case fails."""

    def __init__(self, setup: setups.Setup, book: books.Book) -> None:
        self._setup, self._book = setup, book
        self._stack, self._stage, self._unended = ExitStack(), None, False

    def __enter__(self) -> Loop:
        return self

    def __exit__(self, *__: object) -> None:
        self._stack.close()
        self._stage = None

    def stage(self, unended: bool = False) -> stages.Stage:
        """With a guardian whose recovery can, or can't, end the controller."""
        if self._stage is None:
            self._stage, self._unended = self._stack.enter_context(stages.Stage(self._setup)), False
            self._stack.enter_context(self._stage.load())
        if unended != self._unended:
            assert self._stage.guardian
            self._stage.guardian.stop()
            self._stage.guardian = stages.Guardian(self._stage, "late_guardian" if unended else "plain_guardian")
            self._unended = unended
        return self._stage

    def learn(self) -> None:
        """The points of a window, and those of the recoveries of both kinds, from real ones."""
        stage = self.stage()
        window = faults.points(stage)
        found = {}
        for point, side in cases.LEFT.items():
            loop = faults.Faults(stage, window)
            loop.home(side)
            loop.killed(point)
            found[point] = faults.reached(stage, "recovery")
        self._book.keep_points(self._setup.name, window, found)

    def run(self, chosen: cases.Cases, window: list[str]) -> None:
        waiting = dict(chosen)
        while waiting:
            unended = cases.unended(next(iter(waiting)))
            stage = self.stage(unended)
            loop = faults.Faults(stage, window)
            while name := following(waiting, unended, stage.writer()):
                side, case = waiting.pop(name)
                result = judged(loop, side, case)
                self._book.keep(name, result)
                print(books.line(name, result), flush=True)
                if result["wrong"]:
                    self._book.note(name, told(stage))
                    self.__exit__()
                    break


def following(waiting: cases.Cases, unended: bool, writer: str | None) -> str:
    """The next one for this guardian, rather one that begins where the writer is now."""
    fitting = [name for name in waiting if cases.unended(name) == unended]
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


def through(setup: setups.Setup, book: books.Book, given: argparse.Namespace) -> list[str]:
    """What there is to do with one setup; the names of its cases that this run is about."""
    with Loop(setup, book) as loop:
        if book.points(setup.name) is None:
            if given.total or given.list:
                sys.exit("Not all cases are known for this state of the code. Run some: make test-crash")
            loop.learn()
        window, recoveries = book.points(setup.name)
        all_cases = cases.cases(window, recoveries, setup)
        names = chosen(all_cases, given)
        if given.list:
            print("\n".join(names))
        elif not given.total:
            # What is asked for by its name is run again.
            left = names if given.only else book.left(names)
            loop.run({name: all_cases[name] for name in left}, window)
            print(f"{setup.name}: {len(left)} cases were run, {len(names) - len(left)} had passed before.", flush=True)
        return names


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--shard", default="1/1", metavar="i/n")
    options.add_argument("--selection", action="store_true")
    options.add_argument("--only", default="", metavar="PREFIX,PREFIX")
    options.add_argument("--setup", choices=setups.SETUPS, action="append", help="these alone; all by default")
    options.add_argument("--total", action="store_true")
    options.add_argument("--list", action="store_true")
    given = options.parse_args()
    began, book = time.monotonic(), books.Book.of(stages.VERSIONS)
    wanted = [setups.SETUPS[name] for name in given.setup or setups.SETUPS]
    names = [name for setup in wanted for name in through(setup, book, given)]
    return 0 if given.list else books.total(book, names, time.monotonic() - began)


if __name__ == "__main__":
    sys.exit(main())
