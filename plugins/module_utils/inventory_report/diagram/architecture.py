# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The architecture as a picture: the edge, services by start wave, datastores, and every call and use between them.

One file of SVG without script, fonts or anything from elsewhere. It follows the reader's light or dark setting, and
dims what does not belong to the box under the pointer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from . import style
from .graph import CALLS, READS, USES, Box, Drawing, Link, Point, Route
from .lines import arrange, least_height, pins_of
from .picture import Area, Picture, cut, width_of

PAD, HEADER, ROW, CORNER = 14.0, 30.0, 17.0, 7.0
LEAST_WIDTH, MOST_WIDTH = 150.0, 236.0
MARGIN, EDGE_GAP, BAND_PAD, BAND_HEAD, TITLE, LEGEND = 32.0, 52.0, 16.0, 34.0, 76.0, 64.0
LEAST_ROWS = 6

Report = Mapping[str, Any]
Lines = list[tuple[str, str]]
"""Of a box: class and text."""


def architecture(report: Report) -> str:
    """The picture of a report; see :mod:`..inventory`."""
    return _Architecture(report).svg()


class _Architecture:
    def __init__(self, report: Report) -> None:
        self.report = report
        self.services = {service["name"]: service for service in report["services"]}
        self.stores = {store["name"]: store for store in report["datastores"]}
        self.texts = {f"service:{name}": self._service_lines(one) for name, one in self.services.items()}
        self.texts |= {f"store:{name}": self._store_lines(one) for name, one in self.stores.items()}
        self.numbers = {key: number for number, key in enumerate(self.texts)}
        self.bands: list[tuple[str, list[int]]] = []
        self.links = self._links()
        self.drawing = self._arranged()

    # What there is

    def _links(self) -> list[Link]:
        calls = [
            Link(f"service:{name}", f"service:{other}", CALLS)
            for name, service in self.services.items()
            for other in service["calls"]
        ]
        uses = [
            Link(f"service:{name}", f"store:{use['datastore']}", READS if use["access"] == "read" else USES)
            for name, service in self.services.items()
            for use in service["uses"]
        ]
        return calls + uses

    def _service_lines(self, service: Mapping[str, Any]) -> Lines:
        processes = [
            process["name"] + (f" ×{process['instances']}" if process["instances"] > 1 else "")
            for process in service["processes"]
        ]
        lines = [("name", service["name"]), ("small", f"{service['migration_group']} · {service['runtime']}")]
        lines += [("small", ", ".join(processes))] if len(service["processes"]) > 1 or "×" in processes[0] else []
        doors = [f"{one['public']} · internal {one['internal']}" for one in service["processes"] if one["public"]]
        lines += [("number", door) for door in doors]
        if "any" in service["egress"]:
            lines.append(("small", "↗ the internet"))
        if len(self.report["hosts"]) > 1:
            lines.append(("small", f"on {', '.join(service['hosts'])}"))
        return [(kind, cut(text, kind, MOST_WIDTH - 2 * PAD)) for kind, text in lines]

    def _store_lines(self, store: Mapping[str, Any]) -> Lines:
        words = {"postgresql": "PostgreSQL", "redis": "Redis", "sqlite": "SQLite", "directory": "directory"}
        lines = [("name", store["name"]), ("small", words.get(store["kind"], store["kind"]))]
        lines.append(("number", store["where"]))
        if len(self.report["hosts"]) > 1 and store["host"]:
            lines.append(("small", f"on {store['host']}"))
        return [(kind, cut(text, kind, MOST_WIDTH - 2 * PAD)) for kind, text in lines]

    # Where it stands

    def _arranged(self) -> Drawing | None:
        columns = self._columns()
        if not columns:
            return None
        boxes = {}
        for number, keys in enumerate(columns):
            for key in keys:
                boxes[key] = Box(key, number, self._width(keys), 0.0)
        pins = pins_of(boxes, self.links)
        for key, box in boxes.items():
            cap = 12.0 if key.startswith("store:") else 0.0
            box.height = max(2 * 11 + ROW * len(self.texts[key]) + cap, least_height(pins[key]))
        return arrange(boxes, self.links)

    def _width(self, keys: Sequence[str]) -> float:
        widest = max((width_of(text, kind) for key in keys for kind, text in self.texts[key]), default=0.0)
        return min(max(widest + 2 * PAD, LEAST_WIDTH), MOST_WIDTH)

    def _columns(self) -> list[list[str]]:
        """Who calls stands to the left of whom it calls: the last wave first, the datastores at the right."""
        rows = max(LEAST_ROWS, round(1.5 * len(self.services) ** 0.5))
        columns: list[list[str]] = []
        for wave in range(max((one["wave"] for one in self.services.values()), default=0), 0, -1):
            names = [name for name, one in self.services.items() if one["wave"] == wave]
            called = {name: sum(name in other["calls"] for other in self.services.values()) for name in names}
            if len(names) > rows:
                names.sort(key=lambda name: called[name] - len(self.services[name]["calls"]))
            parts = _parts(names, rows)
            self.bands.append((f"Wave {wave}", list(range(len(columns), len(columns) + len(parts)))))
            columns += [[f"service:{name}" for name in part] for part in parts]
        stores = _parts(list(self.stores), max(rows, 8))
        if stores:
            self.bands.append(("Datastores", list(range(len(columns), len(columns) + len(stores)))))
        return columns + [[f"store:{name}" for name in part] for part in stores]

    # How it looks

    def svg(self) -> str:
        edge, routes = self._edge_lines(), self._edge_routes()
        edge_width = max(
            *(width_of(text, kind) for kind, text in edge),
            sum(max((width_of(row[side], "route") for row in routes), default=-8.0) + 8 for side in (0, 1)),
        )
        edge_width += 2 * PAD
        left = MARGIN + edge_width + EDGE_GAP + BAND_PAD
        top = TITLE + BAND_HEAD + BAND_PAD
        tall = ROW * (len(edge) + len(routes)) + 2 * PAD + 10 * bool(routes)
        height = max(self.drawing.height if self.drawing else 0.0, tall - BAND_HEAD)
        width = left + (self.drawing.width if self.drawing else 0.0) + BAND_PAD + MARGIN
        picture = Picture(max(width, 560.0), top + height + BAND_PAD + LEGEND)
        picture.add(f"<style>{style.sheet(self.report, self.numbers)}</style>")
        picture.add('<rect class="page" width="100%" height="100%"/>')
        self._title(picture)
        self._bands(picture, left, top, height)
        self._edge(picture, (MARGIN, top + (height - tall) / 2, edge_width, tall), edge, routes, left)
        if self.drawing:
            with picture.group(f'transform="translate({left:g} {top + (height - self.drawing.height) / 2:g})"'):
                self._routes(picture)
                for key, box in self.drawing.boxes.items():
                    self._box(picture, key, box)
        self._legend(picture)
        return picture.svg(self._name(), self._description())

    def _name(self) -> str:
        return f"Architecture, {self.report['environment']}"

    def _description(self) -> str:
        services, stores = len(self.services), len(self.stores)
        calls = sum(len(one["calls"]) for one in self.services.values())
        waves = max((one["wave"] for one in self.services.values()), default=0)
        return (
            f"{_count(services, 'service')} in {_count(waves, 'start wave')}, {_count(stores, 'datastore')}, "
            f"{_count(calls, 'call')} between services, {_count(len(self.links) - calls, 'use')} of datastores, "
            f"{_count(len(self.report['hosts']), 'host')}."
        )

    def _title(self, picture: Picture) -> None:
        picture.text(MARGIN, 38, "title", self._name())
        picture.text(MARGIN, 58, "small", self._description())

    def _bands(self, picture: Picture, left: float, top: float, height: float) -> None:
        if not self.drawing:
            return
        for name, columns in self.bands:
            first, last = self.drawing.columns[columns[0]], self.drawing.columns[columns[-1]]
            x, right = left + first[0] - BAND_PAD, left + last[0] + last[1] + BAND_PAD
            area = (x, top - BAND_PAD - BAND_HEAD, right - x, height + 2 * BAND_PAD + BAND_HEAD)
            picture.rectangle(area, 12, "band")
            picture.text(x + BAND_PAD, top - BAND_PAD - 12, "band-name", name)
            order = {"Wave 1": "starts first", f"Wave {len(self.report['waves'])}": "starts last"}.get(name)
            if order and len(self.report["waves"]) > 1:
                picture.text(right - BAND_PAD, top - BAND_PAD - 12, "small end", order)

    def _edge_lines(self) -> Lines:
        edge = self.report["edge"]
        lines = [("name", "Edge"), ("small", "HAProxy, the doors"), ("number", f"{edge['bind']}:{edge['port']}")]
        if len(self.report["hosts"]) > 1 and edge["hosts"]:
            lines.append(("small", cut(f"on {', '.join(edge['hosts'])}", "small", MOST_WIDTH)))
        return lines

    def _edge_routes(self) -> list[tuple[str, str]]:
        """Paths with the service that answers them."""
        routes = sorted(self.report["edge"]["routes"], key=lambda route: (route["service"], route["path"]))
        return [(cut(route["path"], "route", MOST_WIDTH), route["service"]) for route in routes]

    def _edge(self, picture: Picture, area: Area, lines: Lines, routes: list[tuple[str, str]], left: float) -> None:
        x, y, width, height = area
        with picture.group('class="box edge-box"'):
            picture.rectangle(area, 9, "shape")
            _write(picture, lines, x + PAD, y + PAD)
            base = y + PAD + ROW * len(lines) + 10
            for place, (path, service) in enumerate(routes):
                picture.text(x + PAD, base + ROW * place + 12.5, "route", path)
                picture.text(x + width - PAD, base + ROW * place + 12.5, "route quiet end", service)
        if self.drawing and self.services:
            middle = y + height / 2
            picture.path([(x + width, middle), (left - BAND_PAD - 8, middle)], 'class="door"')
            picture.arrow(left - BAND_PAD, middle, True, "door-tip")

    def _routes(self, picture: Picture) -> None:
        """Nets one upon the other, each with a rim of the page's colour, so that crossings show which line goes on."""
        tracks: dict[tuple[str, bool], list[Route]] = {}
        for route in self.drawing.routes if self.drawing else []:
            tracks.setdefault((route.link.target, route.points[-1][0] > route.points[-2][0]), []).append(route)
        for (target, rightwards), routes in sorted(tracks.items(), key=lambda track: len(track[1])):
            number = self.numbers[target]
            for route in routes:
                picture.path(_shortened(route.points, rightwards), 'class="rim"', CORNER)
            for route in routes:
                link = route.link
                names = [key.partition(":")[2] for key in (link.source, link.target)]
                attributes = f'class="link {link.kind} n{self.numbers[link.source]} n{number} c{number}" '
                attributes += f"data-from={quoteattr(names[0])} data-to={quoteattr(names[1])}"
                verb = {CALLS: "calls", USES: "uses", READS: "reads"}[link.kind]
                picture.path(_shortened(route.points, rightwards), attributes, CORNER, f"{names[0]} {verb} {names[1]}")
            x, y = routes[0].points[-1]
            sources = " ".join(f"n{self.numbers[route.link.source]}" for route in routes)
            tip = picture.dot if target.startswith("store:") else picture.arrow
            tip(x, y, rightwards, f"tip {sources} n{number} f{number}")

    def _box(self, picture: Picture, key: str, box: Box) -> None:
        kind, __, name = key.partition(":")
        number = self.numbers[key]
        area = (box.x, box.y, box.width, box.height)
        with picture.group(f'class="box {kind} b{number}" data-{kind}={quoteattr(name)}'):
            picture.add(f"<title>{escape(self._told(kind, name))}</title>")
            if kind == "store" and self.stores[name]["kind"] != "directory":
                picture.cylinder(area, f"shape s{number}")
            elif kind == "store":
                picture.folder(area, f"shape s{number}")
            else:
                picture.rectangle(area, 9, "shape")
                picture.rectangle((box.x, box.y + 9, 4, box.height - 18), 2, f"mark g{number}")
            lines = self.texts[key]
            shift = 5 if kind == "store" else 0
            _write(picture, lines, box.x + PAD, box.middle - ROW * len(lines) / 2 + shift)

    def _told(self, kind: str, name: str) -> str:
        if kind == "store":
            users = ", ".join(user["service"] for user in self.stores[name]["users"])
            return f"{name}: used by {users or 'nobody'}"
        service = self.services[name]
        return f"{name}: group {service['migration_group']}, wave {service['wave']}, runs as {service['user']}"

    def _legend(self, picture: Picture) -> None:
        x, y = MARGIN, picture.height - 26
        for number, group in enumerate(self.report["migration_groups"]):
            picture.rectangle((x, y - 9, 10, 10), 3, f"group{number}")
            picture.text(x + 16, y, "small", group)
            x += 34 + width_of(group, "small")
        for kind, words in ((CALLS, "calls"), (USES, "uses"), (READS, "only reads")):
            picture.path([(x, y - 4), (x + 30, y - 4)], f'class="sample {kind}"')
            (picture.arrow if kind == CALLS else picture.dot)(x + 36, y - 4, True, "sample-tip")
            picture.text(x + 44, y, "small", words)
            x += 64 + width_of(words, "small")


def _write(picture: Picture, lines: Lines, x: float, y: float) -> None:
    for place, (kind, text) in enumerate(lines):
        if text:
            picture.text(x, y + ROW * place + 12.5, kind, text)


def _shortened(points: Sequence[Point], rightwards: bool) -> list[Point]:
    """Without the last pixels, which the arrow's tip covers."""
    x, y = points[-1]
    return [*points[:-1], (x - 6 if rightwards else x + 6, y)]


def _parts(names: list[str], most: int) -> list[list[str]]:
    """In parts of nearly the same size, none larger than that."""
    if not names:
        return []
    count = -(-len(names) // most)
    return [names[len(names) * part // count : len(names) * (part + 1) // count] for part in range(count)]


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
