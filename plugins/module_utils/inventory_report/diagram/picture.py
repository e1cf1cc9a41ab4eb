# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The few shapes that the picture needs, written as SVG, and how wide a text is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from xml.sax.saxutils import escape

from .graph import Point

Area = tuple[float, float, float, float]
"""Left, top, width, height."""

SIZES = {"name": 14.0, "title": 22.0, "band-name": 13.0, "small": 12.0, "number": 12.0, "route": 11.5}
MONOSPACED = ("number", "route")
STRONG = ("name", "title", "band-name")
BOLD = 1.14
# Widths of a letter, by its kind, in shares of the size: those of wide common fonts, so that no text leaves its box.
NARROW, WIDE, CAPITAL, OTHER, EVEN = 0.36, 0.9, 0.74, 0.6, 0.625


def width_of(text: str, kind: str) -> float:
    """At most, in pixels; the reader's fonts are not known."""
    size = SIZES[kind]
    if kind in MONOSPACED:
        return len(text) * EVEN * size
    bold = BOLD if kind in STRONG else 1.0
    return size * bold * sum(_share(letter) for letter in text)


def _share(letter: str) -> float:
    if letter in "iljtfrI.,:;|'!()[]·- ":
        return NARROW
    if letter in "mwMW@—→×%" or ord(letter) > 0x2E80:
        return WIDE if ord(letter) < 0x2E80 else 1.05
    return CAPITAL if letter.isupper() else OTHER


def cut(text: str, kind: str, most: float) -> str:
    """What fits, with an ellipsis for the rest: of a path its beginning, else the end."""
    if width_of(text, kind) <= most:
        return text
    path = text.startswith("/")
    while text and width_of(f"{text}…", kind) > most:
        text = text[1:] if path else text[:-1]
    return f"…{text}" if path else f"{text.rstrip()}…"


class Picture:
    """Collects elements; all numbers are pixels."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self._parts: list[str] = []

    def add(self, element: str) -> None:
        self._parts.append(element)

    @contextmanager
    def group(self, attributes: str) -> Iterator[None]:
        self.add(f"<g {attributes}>")
        yield
        self.add("</g>")

    def text(self, x: float, y: float, kind: str, text: str) -> None:
        self.add(f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}">{escape(text)}</text>')

    def rectangle(self, area: Area, radius: float, kind: str) -> None:
        x, y, width, height = area
        self.add(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="{radius:g}" class="{kind}"/>'
        )

    def cylinder(self, area: Area, kind: str) -> None:
        """A database's sign; its upper rim lies within the area."""
        x, y, width, height = area
        half, rim = width / 2, 7.0
        low = f"a{half:.1f} {rim} 0 0 0 {width:.1f} 0"
        outline = f"M{x:.1f} {y + rim:.1f}a{half:.1f} {rim} 0 0 1 {width:.1f} 0v{height - 2 * rim:.1f}"
        outline += f"a{half:.1f} {rim} 0 0 1 {-width:.1f} 0z"
        self.add(f'<path d="{outline}" class="{kind}"/><path d="M{x:.1f} {y + rim:.1f}{low}" class="{kind} lid"/>')

    def folder(self, area: Area, kind: str) -> None:
        x, y, width, height = area
        outline = f"M{x:.1f} {y + 6:.1f}q0-6 6-6h{width * 0.3:.1f}l9 9h{width * 0.7 - 21:.1f}q6 0 6 6"
        outline += f"v{height - 21:.1f}q0 6-6 6h{12 - width:.1f}q-6 0-6-6z"
        self.add(f'<path d="{outline}" class="{kind}"/>')

    def path(self, points: Sequence[Point], attributes: str, radius: float = 0.0, title: str = "") -> None:
        """A line through points, with rounded corners."""
        said = f"<title>{escape(title)}</title>" if title else ""
        self.add(f'<path d="{rounded(points, radius)}" {attributes}' + (f">{said}</path>" if said else "/>"))

    def arrow(self, x: float, y: float, rightwards: bool, kind: str) -> None:
        """Its tip is at the point."""
        back = -9 if rightwards else 9
        self.add(f'<path d="M{x:.1f} {y:.1f}l{back} -4.5v9z" class="{kind}"/>')

    def dot(self, x: float, y: float, rightwards: bool, kind: str) -> None:
        """It touches the point."""
        self.add(f'<circle cx="{x + (-4 if rightwards else 4):.1f}" cy="{y:.1f}" r="4" class="{kind}"/>')

    def svg(self, title: str, description: str) -> str:
        width, height = round(self.width), round(self.height)
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        )
        head += 'role="img" aria-labelledby="title description">'
        names = f'<title id="title">{escape(title)}</title>\n<desc id="description">{escape(description)}</desc>'
        return "\n".join([head, names, *self._parts, "</svg>", ""])


def rounded(points: Sequence[Point], radius: float) -> str:
    """The data of a path; corners take a quarter of a circle, or less where pieces are short."""
    data = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
    for before, at, after in zip(points, points[1:], points[2:], strict=False):
        there, back = _length(before, at), _length(at, after)
        cut_off = min(radius, there / 2, back / 2)
        if cut_off < 0.5:
            data.append(f"L{at[0]:.1f} {at[1]:.1f}")
            continue
        start, end = _towards(at, before, cut_off, there), _towards(at, after, cut_off, back)
        data.append(f"L{start[0]:.1f} {start[1]:.1f}Q{at[0]:.1f} {at[1]:.1f} {end[0]:.1f} {end[1]:.1f}")
    data.append(f"L{points[-1][0]:.1f} {points[-1][1]:.1f}")
    return "".join(data)


def _length(one: Point, other: Point) -> float:
    return abs(one[0] - other[0]) + abs(one[1] - other[1])


def _towards(at: Point, other: Point, distance: float, whole: float) -> Point:
    return at[0] + (other[0] - at[0]) * distance / whole, at[1] + (other[1] - at[1]) * distance / whole
