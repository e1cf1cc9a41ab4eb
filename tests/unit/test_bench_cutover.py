"""What the benchmark of windows says of answers and times."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "bench"))

import cutover_figures as figures  # noqa: E402


def answer(start: float, end: float, write: bool = True, status: int = 200) -> SimpleNamespace:
    return SimpleNamespace(start=start, end=end, write=write, status=status, seconds=end - start)


STEPS = {
    "hold:public": {"at": 1.0, "seconds": 0.01},
    "close:api": {"at": 1.1, "seconds": 0.02},
    "release": {"at": 1.2, "seconds": 0.05},
    "ended": {"at": 2.0, "seconds": 0.01},
}


def test_the_moments_of_a_window_are_counted_back_from_its_end() -> None:
    assert figures.moments(STEPS, 102.0) == pytest.approx((101.0, 101.25))


def test_what_was_in_flight_what_waited_and_the_slowest_read() -> None:
    answers = [
        answer(10.0, 12.0),  # over before the hold
        answer(99.5, 100.1),  # in flight: 0.6
        answer(99.9, 100.7),  # waited behind the door, and came before the hold was seen: 0.8
        answer(100.2, 100.7),
        answer(100.6, 100.65, status=503),
        answer(100.1, 100.4, write=False),
        answer(101.0, 101.1, write=False),
        answer(105.0, 109.0, write=False),  # long after the window
    ]
    assert figures.slowest(answers, 100.0, 100.5) == pytest.approx((0.6, 0.8, 0.3))
    assert figures.slowest([], 1.0, 2.0) == (0.0, 0.0, 0.0)


def test_percentiles_are_values_that_there_were() -> None:
    assert figures.percentile(range(1, 101), 99) == 99
    assert figures.percentile([3.0, 1.0], 99) == 3.0
    assert figures.percentile([], 99) == 0.0
    assert figures.rates([answer(0, 1), answer(0, 1, write=False), answer(0, 1, status=0)], 2.0) == (0.5, 0.5)


def switch(window: float, **more: object) -> figures.Switch:
    times = {"held": 0.3, "gap": 0.4, "in_flight": 0.03, "waited": 0.5, "read": 0.05}
    return figures.Switch(window, **{**times, "acknowledged": 900, "failed": 0, "lost": 0, "doubled": 0, **more})


def size(title: str, *switches: figures.Switch, given_up: tuple[str, ...] = ()) -> figures.Size:
    return figures.Size(title, 50.0, (200.0, 500.0), 0.01, 0.04, list(switches), list(given_up))


def test_aims_are_kept_or_not() -> None:
    lines = figures.results([size("50 MB", switch(0.06), switch(0.09), switch(0.3)), size("1 GB", switch(0.2))])
    met = {each["name"]: (each["value"], each["met"]) for each in lines}
    assert met["50 MB: write window (drained to released), median"] == (90.0, True)
    assert met["50 MB: write window (drained to released), worst"] == (300.0, False)
    assert met["1 GB: write window (drained to released), median"] == (200.0, False)
    assert met["50 MB: slowest read of a window, above that"] == (40.0, True)
    assert met["50 MB: requests failed"] == (0, True)
    assert met["50 MB: writes acknowledged"] == (2700, None)
    assert met["write window, median, 1 GB against 50 MB"] == (2.222, False)


def test_a_failure_and_a_window_that_was_given_up_are_in_the_table() -> None:
    lines = figures.results([size("50 MB", switch(0.06, failed=2, lost=1, wrong=("LOST",)), given_up=("no",))])
    bad = {each["name"].removeprefix("50 MB: "): each["value"] for each in lines if each["met"] is False}
    assert bad == {
        "windows given up": 1,
        "requests failed": 2,
        "acknowledged writes lost": 1,
        "windows after which anything was wrong": 1,
    }
    assert figures.results([size("50 MB", given_up=("no",))])[-1]["name"] == "50 MB: windows given up"


def test_the_diagram_ends_with_the_release() -> None:
    lines = figures.diagram(STEPS).splitlines()
    assert [line.split()[0] for line in lines] == ["hold:public", "close:api", "release"]
    assert lines[0].split("|")[1].startswith("#") and lines[-1].split("|")[1].rstrip().endswith("#")
