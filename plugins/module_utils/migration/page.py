# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages that need nothing but themselves: plans and reports as HTML, readable in light and dark and on paper."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

STYLE = """
:root { color-scheme: light dark; --line: #d0d7de; --soft: #57606a; --back: #ffffff; --text: #1f2328; --row: #f6f8fa;
  --good: #1a7f37; --bad: #cf222e; --warn: #9a6700; --bar: #0969da; }
@media (prefers-color-scheme: dark) { :root { --line: #30363d; --soft: #9198a1; --back: #0d1117; --text: #e6edf3;
  --row: #161b22; --good: #3fb950; --bad: #f85149; --warn: #d29922; --bar: #58a6ff; } }
body { font: 15px/1.5 system-ui, sans-serif; background: var(--back); color: var(--text); max-width: 72rem;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: .2rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
.lead { color: var(--soft); margin-top: 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .35rem .7rem .35rem 0; border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 600; white-space: nowrap; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
tr:nth-child(even) td { background: var(--row); }
code { font-size: .92em; }
.good { color: var(--good); } .bad { color: var(--bad); } .warn { color: var(--warn); } .soft { color: var(--soft); }
.bar { display: block; height: .7rem; min-width: 2px; background: var(--bar); border-radius: 2px; }
.track { display: block; position: relative; height: .7rem; min-width: 12rem; }
.track .bar { position: absolute; }
details { margin: .3rem 0; } summary { cursor: pointer; }
@media print { body { max-width: none; } details { display: block; } }
"""


class Raw(str):
    """Text that is HTML already."""

    __slots__ = ()


def escape(value: object) -> str:
    """Any value as HTML."""
    return str(value) if isinstance(value, Raw) else html.escape(str(value))


def mark(text: object, kind: str) -> Raw:
    """Text in a colour that means something: good, bad, warn, soft."""
    return Raw(f'<span class="{kind}">{escape(text)}</span>')


def code(text: object) -> Raw:
    """Something to type, or a name."""
    return Raw(f"<code>{escape(text)}</code>")


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> Raw:
    """A table. A head that begins with ``#`` is that of numbers."""
    numbers = [head.startswith("#") for head in heads]
    kinds = [' class="n"' if number else "" for number in numbers]
    top = "".join(f"<th{kind}>{escape(head.lstrip('#'))}</th>" for head, kind in zip(heads, kinds, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{kind}>{escape(cell)}</td>" for cell, kind in zip(row, kinds, strict=True)) + "</tr>\n"
        for row in rows
    )
    return Raw(f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>\n{body}</tbody></table></div>')


def track(left: float, width: float) -> Raw:
    """A bar on a track; both in shares of the whole, 0 to 1."""
    return Raw(
        f'<span class="track"><span class="bar" style="left:{left * 100:.2f}%;width:{width * 100:.2f}%"></span></span>'
    )


def listing(items: Iterable[object]) -> Raw:
    """A list of points."""
    return Raw("<ul>" + "".join(f"<li>{escape(item)}</li>" for item in items) + "</ul>")


def section(title: str, *content: object) -> Raw:
    """A part of a page."""
    return Raw(f"<h2>{escape(title)}</h2>\n" + "\n".join(escape(part) for part in content))


def folded(title: object, content: object) -> Raw:
    """What is shown when it is asked for."""
    return Raw(f"<details><summary>{escape(title)}</summary>{escape(content)}</details>")


def page(title: str, lead: str, *sections: object) -> str:
    """The whole page."""
    body = "\n".join(escape(each) for each in sections if each)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
        f'content="width=device-width, initial-scale=1"><title>{escape(title)}</title><style>{STYLE}</style></head>\n'
        f'<body><h1>{escape(title)}</h1>\n<p class="lead">{escape(lead)}</p>\n{body}\n</body></html>\n'
    )
