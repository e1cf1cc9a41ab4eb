"""The crash loop keeps what it has seen by everything that could change it, and misses no case silently."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests" / "cutover" / "window"))

import book as books  # noqa: E402
import cases  # noqa: E402
import setups  # noqa: E402

WINDOW = [f"{when}:{name}" for name in ("intent", "close:api", "hand_over", "flip") for when in ("before", "after")]
RECOVERIES = {
    "before:hand_over": ["before:recovery:decide", "after:recovery:decide"],
    "after:hand_over": ["before:recovery:flip"],
}
NAMES = list(cases.cases(WINDOW, RECOVERIES))
GOOD, BAD = {"wrong": [], "seconds": 2.0, "acknowledged": 90}, {"wrong": ["LOST"], "seconds": 2.0}


@pytest.fixture
def book(tmp_path: Path) -> books.Book:
    return books.Book(tmp_path / "book")


def test_every_point_is_a_case_on_both_sides_and_a_recovery_is_killed_before_its_effects() -> None:
    for point in WINDOW:
        assert {f"{kind}/{side}/{point}" for kind in ("kill", "stop") for side in ("docker", "native")} <= set(NAMES)
    recoveries = [name for name in NAMES if cases.kind(name) == "recovery"]
    assert recoveries == [
        "recovery/before:hand_over/before:recovery:decide",
        "recovery/after:hand_over/before:recovery:flip",
    ]


def test_the_selection_has_some_of_every_kind_and_of_both_sides() -> None:
    found = cases.selection(NAMES)
    assert len(found) == len(set(found)) and set(found) <= set(NAMES)
    for kind, count in ((kind, count) for kind, count in cases.SHARES.items() if "@" not in kind):
        there = [name for name in NAMES if cases.kind(name) == kind]
        chosen = [name for name in found if cases.kind(name) == kind]
        assert len(chosen) == min(count, len(there))
        if count > 1 and kind != "recovery":
            assert {name.split("/")[1] for name in chosen} == {"docker", "native"}


def test_the_selection_takes_both_ways_at_an_effect() -> None:
    window = [f"{when}:step{number}" for number in range(27) for when in ("before", "after")]
    found = cases.selection(cases.cases(window, RECOVERIES))
    for kind in ("kill", "stop"):
        assert {name.split("/")[2].split(":")[0] for name in found if cases.kind(name) == kind} == {"before", "after"}
    assert len(found) == len(set(found))


def test_other_setups_have_cases_of_their_own_and_parts_of_effects_are_killed_and_not_stopped() -> None:
    window = [*WINDOW, "before:open:files.exchange"]
    names = [name for setup in setups.SETUPS.values() for name in cases.cases(window, RECOVERIES, setup)]
    assert len(names) == len(set(names)) and {cases.kind(name) for name in names} == set(cases.SHARES)
    assert {f"kill@{each}/native/before:open:files.exchange" for each in ("one", "whole", "loose")} <= set(names)
    assert not [name for name in names if name.startswith("stop") and name.endswith(".exchange")]
    assert cases.unended("past@whole/docker/before:flip") and not cases.unended("stop@whole/docker/before:flip")
    chosen = [name for setup in setups.SETUPS.values() for name in cases.selection(cases.cases(window, RECOVERIES, setup))]
    assert {cases.kind(name) for name in chosen} == {kind for kind, count in cases.SHARES.items() if count}


def test_a_kind_that_the_selection_does_not_know_is_an_error() -> None:
    with pytest.raises(ValueError, match="SHARES"):
        cases.selection([*NAMES, "flood/docker/before:flip"])


def test_shards_are_all_together() -> None:
    shards = [cases.shard(NAMES, number, 3) for number in (1, 2, 3)]
    assert sorted(sum(shards, [])) == sorted(NAMES)
    with pytest.raises(ValueError, match="4/3"):
        cases.shard(NAMES, 4, 3)


def test_a_missing_case_and_one_that_failed_are_failures(book: books.Book, capsys: pytest.CaptureFixture[str]) -> None:
    names = ["kill/docker/before:flip", "kill/native/before:flip", "stop/docker/before:flip"]
    book.keep(names[0], GOOD)
    assert books.total(book, names[:1], 1.0) == 0
    assert books.total(book, names[:2], 1.0) == 1
    book.keep(names[1], BAD)
    assert books.total(book, names[:2], 1.0) == 1
    capsys.readouterr()
    assert books.total(book, names, 12.34) == 1
    said = capsys.readouterr().out
    assert "missing: stop/docker/before:flip" in said and "LOST" in said
    assert said.splitlines()[-1] == "3 cases, 2 run, 1 passed, 2 failed in 12.3s, 1 of them missing"
    assert counted(said) == (1, 2)


def counted(output: str) -> tuple[int, int]:
    """As the runner of all parts does."""
    spec = importlib.util.spec_from_file_location("runner_of_parts", ROOT / "tests" / "run.py")
    runner = importlib.util.module_from_spec(spec)
    sys.modules["runner_of_parts"] = runner
    spec.loader.exec_module(runner)
    return runner.counts(output)


def test_what_passed_is_not_left_and_what_failed_before_is_told(book: books.Book) -> None:
    names = ["kill/docker/before:flip", "kill/native/before:flip"]
    assert book.left(names) == names
    book.keep(names[0], GOOD)
    book.keep(names[1], BAD)
    assert book.left(names) == names[1:]
    book.keep(names[1], BAD)
    book.keep(names[1], GOOD)
    assert book.left(names) == []
    assert "failed 2 times before" in books.line(names[1], book.result(names[1]))
    assert "before" not in books.line("x", book.result(names[0]))


def test_points_are_kept(book: books.Book) -> None:
    assert book.points("two") is None
    book.keep_points("two", WINDOW, RECOVERIES)
    assert book.points("two") == (WINDOW, RECOVERIES) and book.points("whole") is None


def test_what_a_program_imports_is_found_however_it_is_written(tmp_path: Path) -> None:
    utils = tmp_path / "plugins" / "module_utils"
    for name, text in {
        "a/__init__.py": "",
        "a/one.py": "from . import two\nfrom ..b.three import x\n",
        "a/two.py": "import os\n",
        "b/__init__.py": "",
        "b/three.py": f"import {books.COLLECTION}.plugins.module_utils.c\n",
        "c.py": "",
        "d.py": "",
    }.items():
        path = utils / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    program = tmp_path / "tests" / "servers" / "program.py"
    program.parent.mkdir(parents=True)
    program.write_text(f"import beside\nfrom {books.COLLECTION}.plugins.module_utils.a import one\n")
    (program.parent / "beside.py").write_text("")
    found = books.reached(("tests/servers/program.py",), tmp_path)
    names = {str(path.relative_to(tmp_path)).removeprefix("plugins/module_utils/") for path in found}
    tests = {"tests/servers/program.py", "tests/servers/beside.py"}
    assert names == {*tests, "a/__init__.py", "a/one.py", "a/two.py", "b/three.py", "c.py"}


def test_the_digest_knows_the_recovery_the_fence_the_harness_and_the_hold() -> None:
    found = {str(path.relative_to(ROOT)) for path in books.reached()}
    utils = "plugins/module_utils/"
    ours = ("cutover/recovery", "postgresql/fence/row", "router/traffic", "redis/pair", "migration/faults")
    tests = ("cutover/window/judge", "cutover/postgresql/lab", "servers/postgresql", "cutover/window/clients")
    assert {*(f"{utils}{name}.py" for name in ours), *(f"tests/{name}.py" for name in tests)} <= found
    assert "tests/cutover/window/test_window.py" not in found
    kept = [path.name for name in books.FILES for path in (ROOT / name).rglob("*")]
    assert {"edge.cfg.j2", "hold.lua.j2"} <= set(kept)
    assert (ROOT / books.FILES[-1]).is_file()
    assert books.digest(["15", "17"]) != books.digest(["15", "15"])
