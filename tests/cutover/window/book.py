"""What is known of the crash loop's cases for this state of the code, kept outside of the clone.

Results are in ${XDG_CACHE_HOME:-~/.cache}/cryptobot-native/cutover, by a digest of everything that can change one.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from cases import kind

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cryptobot-native" / "cutover"
COLLECTION = "ansible_collections.cryptobot.native"
PROGRAMS = (
    "plugins/modules/cutover.py", "plugins/module_utils/launcher/haproxy.py",
    *(
        f"tests/cutover/window/{name}.py"
        for name in ("clients", "crash", "fake_docker", "hollow", "jobs", "late_guardian", "plain_guardian", "service")
    ),
)  # fmt: skip
FOLDERS = ("tests/cutover/window", "tests/cutover/postgresql", "tests/cutover/redis", "tests/servers")
"""Where programs of tests find what they import by its bare name."""
FILES = ("tests/cutover/on_host.py", "tests/servers/redis.py", "roles/edge/templates/etc/cryptobot",
         "roles/edge/templates/usr/lib/cryptobot/router", "tests/unit/roles/test_edge_templates.py")  # fmt: skip
Result = dict[str, Any]


@functools.cache
def reached(programs: tuple[str, ...] = PROGRAMS, root: Path = ROOT) -> frozenset[Path]:
    """The programs, and every file of this project that they import, however far away."""
    found: set[Path] = set()
    waiting = [root / name for name in programs]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += (each for each in _imported(path, root) if each.is_file())
    return frozenset(found)


def _imported(path: Path, root: Path) -> Iterator[Path]:
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield from _places(name.name.split("."), root)
        elif isinstance(node, ast.ImportFrom):
            words = node.module.split(".") if node.module else []
            for tail in ([], *([name.name] for name in node.names)):
                if node.level:
                    yield from _files(path.parents[node.level - 1].joinpath(*words, *tail))
                else:
                    yield from _places([*words, *tail], root)


def _places(words: Sequence[str], root: Path) -> Iterator[Path]:
    own = COLLECTION.split(".")
    if list(words[: len(own)]) == own:
        yield from _files(root.joinpath(*words[len(own) :]))
    elif len(words) == 1:
        for folder in FOLDERS:
            yield from _files(root / folder / words[0])


def _files(place: Path) -> Iterator[Path]:
    yield place.with_name(f"{place.name}.py")
    yield place / "__init__.py"


def digest(versions: Sequence[str]) -> str:
    """Of every file that can change a result, and the servers' ``versions``."""
    paths = reached()
    for name in FILES:
        path = ROOT / name
        paths |= {each for each in path.rglob("*") if each.is_file()} if path.is_dir() else {path}
    found = hashlib.sha256(" ".join(versions).encode())
    for path in sorted(paths):
        found.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return found.hexdigest()[:16]


class Book:
    """One folder for one state of the code."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    @classmethod
    def of(cls, versions: Sequence[str]) -> Book:
        return cls(CACHE / digest(versions))

    def points(self, setup: str) -> tuple[list[str], dict[str, list[str]]] | None:
        """Of a window and of the recoveries, where they are known."""
        path = self.folder / f"points-{setup}.json"
        return tuple(json.loads(path.read_text())) if path.exists() else None

    def keep_points(self, setup: str, window: list[str], recoveries: dict[str, list[str]]) -> None:
        (self.folder / f"points-{setup}.json").write_text(json.dumps([window, recoveries]))

    def result(self, name: str) -> Result | None:
        path = self._path(name)
        return json.loads(path.read_text()) if path.exists() else None

    def keep(self, name: str, result: Result) -> None:
        """A case that passes now and failed before says so."""
        if was := self.result(name):
            failures = was.get("failures_before", 0) + bool(was["wrong"])
            result = {**result, "failures_before": failures}
        self._path(name).write_text(json.dumps(result, indent=1))

    def note(self, name: str, text: str) -> None:
        """What the programs of a case that failed have said."""
        with (self.folder / "failed.log").open("a") as log:
            log.write(f"== {name}\n{text}")

    def left(self, names: Iterable[str]) -> list[str]:
        """Those that were not run, or failed."""
        return [name for name in names if (result := self.result(name)) is None or result["wrong"]]

    def _path(self, name: str) -> Path:
        return self.folder / (name.replace("/", ",") + ".json")


def line(name: str, result: Result) -> str:
    figures = f"{result.get('how', ''):6} decided {result.get('decided')} s, {result.get('acknowledged', 0)} writes, "
    figures += f"{result.get('failed', 0)} failed, gap {result.get('gap', 0)} s, {result['seconds']} s"
    if before := result.get("failures_before"):
        figures += f", failed {before} times before"
    return f"{'FAILED' if result['wrong'] else 'ok':6} {name:44} {figures} {'; '.join(result['wrong'])}"


def total(book: Book, names: Sequence[str], seconds: float) -> int:
    """Prints what of these was run, passed and is missing; 0 where all passed and none is missing."""
    results = {name: book.result(name) for name in names}
    kinds: dict[str, list[Result | None]] = {}
    for name, result in results.items():
        kinds.setdefault(kind(name), []).append(result)
    heads = ("cases", "run", "passed", "missing", "writes", "failed requests")
    print(f"{'kind':14} {' '.join(f'{head:>8}' for head in heads)} slowest decision")
    for each, found in kinds.items():
        ran = [result for result in found if result]
        row = (
            len(found), len(ran), sum(not result["wrong"] for result in ran), len(found) - len(ran),
            sum(result.get("acknowledged", 0) for result in ran), sum(result.get("failed", 0) for result in ran),
        )  # fmt: skip
        shown = " ".join(f"{value:{max(8, len(head))}}" for value, head in zip(row, heads, strict=True))
        slowest = max((result.get("decided") or 0 for result in ran), default=0)
        print(f"{each:14} {shown} {slowest:14.2f} s")
    for name, result in results.items():
        if result and (result["wrong"] or result.get("failures_before")):
            print(line(name, result))
    missing = [name for name, result in results.items() if result is None]
    if missing:
        print(f"missing: {', '.join(missing[:20])}{' …' if len(missing) > 20 else ''}")
    ran, bad = len(results) - len(missing), sum(bool(result and result["wrong"]) for result in results.values())
    # As pytest ends, so that the runner of the tests counts the cases.
    print(f"{len(results)} cases, {ran} run, {ran - bad} passed, {bad + len(missing)} failed in {seconds:.1f}s, "
          f"{len(missing)} of them missing")  # fmt: skip
    return 1 if missing or bad else 0
