"""Runs the parts of the tests, two at a time, and ends with `N passed, N failed`.

  tests/run.py                what fits its time (make test)
  tests/run.py --all          everything (make test-all)
  tests/run.py lint unit      these parts
  tests/run.py --list         the parts there are

What a part printed is in build/test/<part>.log.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "hosts"))

import engine  # noqa: E402

LOGS = ROOT / "build" / "test"
PART_SECONDS = 120 * 60
FAILURE_LINES = 80
TAIL_LINES = 25
# Scenarios that are run on these releases; all others on Debian 12, or on what DEBIAN says.
RELEASES = {name: ("12", "13") for name in ("migration", "resilience", "router", "site", "source", "ssh", "units", "whole")}
# What shows nothing that another part does not, or takes longer than all others; `make test-all` and `make scenario` run them.
ONLY_IN_ALL = frozenset(
    {
        "scenario-compose",
        "scenario-honest",
        "scenario-interruption",
        "scenario-migration-13",
        "scenario-newcomer",
        "scenario-platform",
        "scenario-release",
        "scenario-several",
        "scenario-renamed",
        "scenario-resilience-12",
        "scenario-resilience-13",
        "scenario-router-12",
        "scenario-router-13",
        "scenario-shared",
        "scenario-sides",
        "scenario-site-13",
        "scenario-source-12",
        "scenario-source-13",
        "scenario-ssh-12",
        "scenario-takeover",
        "scenario-uninstall",
        "scenario-whole-12",
        "scenario-whole-13",
    }
)
# What is not in the part `window`.
WINDOW = tuple(f"tests/cutover/window/{name}" for name in ("test_window.py", "test_obstacles.py"))
CUTOVER = tuple(f"tests/cutover/{name}" for name in ("postgresql", "redis", "window/test_hollow.py"))
# Process groups of the parts under way.
_RUNNING: set[int] = set()


@dataclass(frozen=True)
class Part:
    """A command whose exit code, and whose pytest summaries if it prints any, are the result."""

    name: str
    command: tuple[str, ...]
    in_test: bool = True
    debian: str = ""


@dataclass(frozen=True)
class Result:
    """What came of a part; `passed` and `failed` count its tests, or the part itself."""

    part: Part
    seconds: float
    passed: int
    failed: int


def parts() -> list[Part]:
    """All parts, the longest first, so that the short ones fill what is left beside them."""
    python = sys.executable
    on_host = (python, "tests/cutover/on_host.py")
    return [
        *scenarios(),
        Part("sanity", (python, "tests/sanity.py")),
        Part("lint", ("sh", "-c", "yamllint --strict . && ansible-lint")),
        Part("unit", ("pytest", "--color=no", "tests/unit")),
        Part("example", (python, "tests/example.py")),
        Part("build", (python, "tests/build.py")),
        Part("crash", (*on_host, "tests/cutover/window/crash.py", "--selection")),
        Part("window", (*on_host, "-m", "pytest", "--color=no", *WINDOW), in_test=False),
        Part("cutover", (*on_host, "-m", "pytest", "--color=no", *CUTOVER), in_test=False),
        Part("musl", ("pytest", "--color=no", "tests/musl"), in_test=False),
    ]


def scenarios() -> Iterator[Part]:
    """Molecule's scenarios, one part each release."""
    for path in sorted(ROOT.glob("molecule/*/molecule.yml")):
        name = path.parent.name
        if name == "default":
            continue
        releases = RELEASES.get(name, ())
        for release in releases or ("",):
            label = f"scenario-{name}-{release}" if releases else f"scenario-{name}"
            yield Part(label, ("molecule", "test", "-s", name), label not in ONLY_IN_ALL, release)


def run(part: Part) -> Result:
    """Runs a part in a process group of its own, so that nothing of it outlives its time."""
    log = LOGS / f"{part.name}.log"
    started = time.monotonic()
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            part.command,
            cwd=ROOT,
            env=environment(part),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        _RUNNING.add(process.pid)
        try:
            code = process.wait(PART_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            code = process.wait()
            output.write(f"\nStopped after {PART_SECONDS // 60} minutes.\n")
        finally:
            _RUNNING.discard(process.pid)
    passed, failed = counts(log.read_text(encoding="utf-8", errors="replace"))
    if code != 0:
        failed = max(failed, 1)
    elif passed == 0 and part.name.startswith("scenario-"):
        # Molecule passes over a scenario whose tests it does not find.
        failed = 1
    elif passed == 0:
        passed = 1
    return Result(part, time.monotonic() - started, passed, failed)


def stop(number: int, frame: object) -> None:
    """Ends the parts with the runner, which their own process groups would not."""
    for group in list(_RUNNING):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGTERM)
    os._exit(128 + number)


def environment(part: Part) -> dict[str, str]:
    """The environment's tools first, and no version managers: their shims hide the interpreters from ansible-test."""
    path = [folder for folder in engine.program_path().split(":") if ".pyenv" not in folder]
    return {
        **os.environ,
        "PATH": ":".join([str(ROOT / ".venv" / "bin"), *path]),
        **({"DEBIAN": part.debian} if part.debian else {}),
        "MOLECULE_EPHEMERAL_DIRECTORY": str(ROOT / "build" / "molecule" / part.name),
        "PYTHONUNBUFFERED": "1",
        "PY_COLORS": "0",
        "NO_COLOR": "1",
    }


def counts(output: str) -> tuple[int, int]:
    """Tests that passed and that failed by the closing lines of pytest in a log."""
    passed = failed = 0
    for line in re.findall(r"^(?:=+ )?(?:\d+ \w+, )*\d+ (?:passed|failed|errors?)\b.* in [\d.]+s.*$", output, re.MULTILINE):
        passed += sum(map(int, re.findall(r"(\d+) passed", line)))
        failed += sum(map(int, re.findall(r"(\d+) (?:failed|errors?)", line)))
    return passed, failed


def failures(lines: list[str]) -> list[str]:
    """What pytest told of the tests that failed: its sections FAILURES and ERRORS, not what passing tests printed after them."""
    found: list[str] = []
    inside = False
    for line in lines:
        if heading := re.fullmatch(r"=+ (.+?) =+", line.rstrip()):
            inside = heading[1] in ("FAILURES", "ERRORS")
        if inside:
            found.append(line)
    return found


def report(result: Result) -> None:
    """One line of progress; where something failed, what its tests said of it and the end of the log."""
    verdict = "FAILED" if result.failed else "ok"
    print(f"{verdict:6} {result.part.name:28} {result.seconds:7.1f} s", flush=True)
    if result.failed:
        log = LOGS / f"{result.part.name}.log"
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        shown = [*failures(lines)[-FAILURE_LINES:], *lines[-TAIL_LINES:]]
        print("\n".join(f"    {line}" for line in shown))
        print(f"    … the whole of it: {log.relative_to(ROOT)}", flush=True)


def table(results: Iterable[Result], seconds: float) -> str:
    """Where the time went."""
    rows = [f"{'part':30} {'passed':>7} {'failed':>7} {'seconds':>8}"]
    rows += [f"{each.part.name:30} {each.passed:7} {each.failed:7} {each.seconds:8.1f}" for each in results]
    return "\n".join([*rows, f"{'from start to end':30} {'':7} {'':7} {seconds:8.1f}"])


def chosen(arguments: argparse.Namespace) -> list[Part]:
    """The parts that were asked for."""
    known = {part.name: part for part in parts()}
    if arguments.parts:
        # A scenario without its release means all of its releases.
        wanted = {name: [part for part in known.values() if f"{part.name}-".startswith(f"{name}-")] for name in arguments.parts}
        if unknown := [name for name, found in wanted.items() if not found]:
            sys.exit(f"There is no part {', '.join(unknown)}. There are: {', '.join(known)}.")
        return list(dict.fromkeys(part for found in wanted.values() for part in found))
    return [part for part in known.values() if part.in_test or arguments.all]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    wanted = chosen(arguments)
    if arguments.list:
        print("\n".join(part.name for part in wanted))
        return 0
    LOGS.mkdir(parents=True, exist_ok=True)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    started = time.monotonic()
    results = []
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for future in as_completed([pool.submit(run, part) for part in wanted]):
            results.append(future.result())
            report(results[-1])
    failed = sum(result.failed for result in results)
    print(f"\n{table(results, time.monotonic() - started)}\n")
    print(f"{sum(result.passed for result in results)} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
