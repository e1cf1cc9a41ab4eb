"""The picture: whole, well-formed, nothing on top of something else, whatever the catalogue."""

from __future__ import annotations

import copy
import itertools
import re
from typing import Any
from xml.etree import ElementTree

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.inventory_report.diagram.architecture import architecture
from ansible_collections.cryptobot.native.plugins.module_utils.inventory_report.diagram.colours import hexadecimal, hues
from ansible_collections.cryptobot.native.plugins.module_utils.inventory_report.diagram.graph import Box, Link
from ansible_collections.cryptobot.native.plugins.module_utils.inventory_report.diagram.lines import arrange
from ansible_collections.cryptobot.native.plugins.module_utils.inventory_report.diagram.picture import (
    SIZES,
    cut,
    rounded,
    width_of,
)

SVG = "{http://www.w3.org/2000/svg}"
NASTY = "a<b>&\"c'</title><script>alert(1)</script>"


@pytest.fixture(scope="module")
def picture(report: dict[str, Any]) -> ElementTree.Element:
    return ElementTree.fromstring(architecture(report))


def links(picture: ElementTree.Element) -> list[tuple[str, str]]:
    found = [path for path in picture.iter(f"{SVG}path") if "link" in (path.get("class") or "").split()]
    return sorted((path.get("data-from"), path.get("data-to")) for path in found)


def areas(picture: ElementTree.Element) -> dict[str, tuple[float, float, float, float]]:
    """Of every box, by its outline: left, top, right, bottom."""
    found = {}
    for group in picture.iter(f"{SVG}g"):
        for kind in ("service", "store"):
            if name := group.get(f"data-{kind}"):
                found[f"{kind} {name}"] = _area(group)
    return found


def _area(group: ElementTree.Element) -> tuple[float, float, float, float]:
    outline = next(each for each in group if "shape" in (each.get("class") or "").split())
    if outline.tag == f"{SVG}rect":
        x, y, width, height = (float(outline.get(name)) for name in ("x", "y", "width", "height"))
        return x, y, x + width, y + height
    x, y, points = 0.0, 0.0, []
    for command, numbers in re.findall(r"([MahvqlzA])([^MahvqlzA]*)", outline.get("d")):
        values = [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", numbers)]
        if command == "M":
            x, y = values
        elif command == "h":
            x += values[0]
        elif command == "v":
            y += values[0]
        elif command in "lqa":
            x, y = x + values[-2], y + values[-1]
        points.append((x, y))
    return min(p[0] for p in points), min(p[1] for p in points), max(p[0] for p in points), max(p[1] for p in points)


def test_everything_is_there(report: dict[str, Any], picture: ElementTree.Element) -> None:
    wanted = [(one["name"], other) for one in report["services"] for other in one["calls"]]
    wanted += [(one["name"], use["datastore"]) for one in report["services"] for use in one["uses"]]
    assert links(picture) == sorted(wanted)
    names = [f"service {one['name']}" for one in report["services"]]
    assert sorted(areas(picture)) == sorted(names + [f"store {one['name']}" for one in report["datastores"]])
    texts = {text.text for text in picture.iter(f"{SVG}text")}
    assert {route["path"] for route in report["edge"]["routes"]} <= texts
    assert {one["name"] for one in report["services"]} <= texts


def test_boxes_do_not_overlap(picture: ElementTree.Element) -> None:
    for one, other in itertools.combinations(areas(picture).items(), 2):
        (name, a), (its, b) = one, other
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1], f"{name} lies on {its}"


def test_texts_stay_in_their_boxes_and_off_each_other(picture: ElementTree.Element) -> None:
    for group in picture.iter(f"{SVG}g"):
        if group.get("data-service") or group.get("data-store"):
            left, top, right, bottom = _area(group)
            baselines = []
            for text in group.iter(f"{SVG}text"):
                x, y, kind = float(text.get("x")), float(text.get("y")), text.get("class")
                assert left < x and x + width_of(text.text, kind) <= right + 0.5
                assert top + SIZES[kind] * 0.8 <= y <= bottom
                baselines.append(y)
            assert all(after - before >= 14 for before, after in itertools.pairwise(baselines))


def test_lines_stay_out_of_boxes(picture: ElementTree.Element) -> None:
    boxes = areas(picture)
    for path in picture.iter(f"{SVG}path"):
        if "link" not in (path.get("class") or "").split():
            continue
        numbers = [float(number) for number in re.findall(r"-?\d+\.\d+", path.get("d"))]
        points = list(zip(numbers[::2], numbers[1::2], strict=True))
        for (x1, y1), (x2, y2) in itertools.pairwise(points):
            for name, (left, top, right, bottom) in boxes.items():
                inside = (
                    max(x1, x2) > left + 1 and min(x1, x2) < right - 1 and max(y1, y2) > top and min(y1, y2) < bottom
                )
                assert not inside, f"{path.get('data-from')} → {path.get('data-to')} runs through {name}"


def test_it_needs_nothing_from_elsewhere(report: dict[str, Any]) -> None:
    text = architecture(report)
    assert "<script" not in text and "@import" not in text and "url(" not in text and "href" not in text
    assert re.findall(r"https?://[^\"\s]+", text) == ["http://www.w3.org/2000/svg"]
    assert "prefers-color-scheme:dark" in text


def test_it_is_told_to_those_who_do_not_see_it(picture: ElementTree.Element) -> None:
    assert picture.get("role") == "img" and picture.get("aria-labelledby") == "title description"
    assert picture.find(f"{SVG}title").text and "start wave" in picture.find(f"{SVG}desc").text


def test_it_is_the_same_every_time(report: dict[str, Any]) -> None:
    assert architecture(report) == architecture(copy.deepcopy(report))


def test_names_are_text_and_nothing_else(shipped_report: dict[str, Any]) -> None:
    changed = copy.deepcopy(shipped_report)
    changed["services"][0]["name"] = changed["datastores"][0]["name"] = NASTY
    changed["environment"] = changed["edge"]["routes"][0]["path"] = NASTY
    for service in changed["services"]:
        service["calls"], service["uses"] = [], []
    picture = ElementTree.fromstring(architecture(changed))
    assert not list(picture.iter(f"{SVG}script"))
    assert f"service {NASTY}" in areas(picture)


def test_an_empty_catalogue_has_a_picture(shipped_report: dict[str, Any]) -> None:
    empty = {**shipped_report, "services": [], "datastores": [], "waves": []}
    empty["edge"] = {**shipped_report["edge"], "routes": []}
    assert "0 services" in architecture(empty)


def test_several_hosts_are_named(shipped_report: dict[str, Any]) -> None:
    changed = copy.deepcopy(shipped_report)
    changed["hosts"].append({"name": "two", "address": "10.0.0.2", "groups": [], "services": []})
    assert "on one" in architecture(changed)


def overlaps(routes: list) -> int:
    """Level or upright pieces of lines to different boxes that lie on each other."""
    pieces: dict[tuple[bool, float], list[tuple[float, float, str]]] = {}
    for route in routes:
        for (x1, y1), (x2, y2) in itertools.pairwise(route.points):
            level = y1 == y2
            low, high = sorted((x1, x2) if level else (y1, y2))
            pieces.setdefault((level, round(y1 if level else x1, 1)), []).append((low, high, route.link.target))
    return sum(
        a[2] != b[2] and a[0] < b[1] - 0.5 and b[0] < a[1] - 0.5
        for same in pieces.values()
        for a, b in itertools.combinations(same, 2)
    )


def test_no_line_lies_on_another() -> None:
    boxes = {name: Box(name, number % 3, 100, 80) for number, name in enumerate("abcdefghi")}
    joined = [
        Link(one, other) for one, other in itertools.permutations("abcdefghi", 2) if ord(one) * 7 % 3 != ord(other) % 5
    ]
    assert overlaps(arrange(boxes, joined).routes) == 0


@pytest.mark.parametrize("source", ["a", "b"])
def test_two_boxes_are_joined_from_side_to_side(source: str) -> None:
    target = "b" if source == "a" else "a"
    drawing = arrange({"a": Box("a", 0, 100, 50), "b": Box("b", 1, 100, 50)}, [Link(source, target)])
    (route,) = drawing.routes
    assert len(route.points) == 2 and route.points[0][1] == route.points[1][1]
    assert sorted(point[0] for point in route.points) == [100, drawing.boxes["b"].x]


def test_a_call_within_a_column_goes_round_at_the_right() -> None:
    drawing = arrange({key: Box(key, 0 if key < "c" else 1, 100, 50) for key in "abc"}, [Link("a", "b")])
    xs = [point[0] for point in drawing.routes[0].points]
    assert xs[0] == xs[-1] == 100 and 100 < max(xs) < drawing.boxes["c"].x


def test_corners_are_round() -> None:
    assert rounded([(0, 0), (10, 0), (10, 10)], 4) == "M0.0 0.0L6.0 0.0Q10.0 0.0 10.0 4.0L10.0 10.0"


def test_texts_are_cut_where_that_hurts_least() -> None:
    assert cut("short", "name", 100) == "short"
    assert cut("x" * 80, "name", 100).endswith("x…")
    assert cut("/var/lib/cryptobot-datastores/bars", "number", 100).endswith("/bars")


def test_colours() -> None:
    assert hexadecimal(1.0, 0.0, 0.0) == "#ffffff" and hexadecimal(0.0, 0.0, 0.0) == "#000000"
    of_group, of_member = hues(["a", "b"], [("x", "a"), ("y", "b"), ("z", "b")])
    assert of_member["x"] == of_group["a"] and len(set(of_member.values())) == 3
