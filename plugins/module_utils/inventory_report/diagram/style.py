# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The style sheet of the picture, for light and dark."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .colours import hexadecimal, hues
from .picture import SIZES

SANS = "system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif"
MONO = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace"
SHAPES = """
svg{max-width:100%;height:auto}
.name,.title,.band-name{font-weight:600}
.end{text-anchor:end}
.rim,.link,.door,.sample{fill:none;stroke-linecap:round;stroke-linejoin:round}
.rim{stroke-width:5}
.link,.sample{stroke-width:1.7}
.reads{stroke-dasharray:5 4}
.door{stroke-width:3}
.shape{stroke-width:1.2}
.lid{fill:none}
.link,.tip{transition:opacity .15s}
.link:hover{stroke-width:3.2}"""
# Page, band, box, its rim, text, quiet text.
LIGHT = ("#ffffff", "#f4f6f9", "#ffffff", "#ccd4de", "#18202b", "#5a6675")
DARK = ("#0e1319", "#151c25", "#1d2630", "#364352", "#edf2f7", "#9dabba")
CALLED, STORED, FILLED = (0.6, 0.15), (0.62, 0.05), (0.965, 0.018)
"""Lightness and chroma of lines of calls, of lines to datastores, and of datastores; on light ground."""
CALLED_DARK, STORED_DARK, FILLED_DARK = (0.76, 0.13), (0.74, 0.045), (0.29, 0.03)


def sheet(report: Mapping[str, Any], numbers: Mapping[str, int]) -> str:
    """``numbers``: of each box, by key; classes are named by them, since a name could hold anything."""
    dim = "".join(_dimmed(number) for number in numbers.values())
    dark = "\n".join([_ground(*DARK), *_colours(report, numbers, CALLED_DARK, STORED_DARK, FILLED_DARK)])
    light = "\n".join([_ground(*LIGHT), *_colours(report, numbers, CALLED, STORED, FILLED)])
    return f"\n{_shapes()}\n{light}\n@media (prefers-color-scheme:dark){{\n{dark}\n}}\n{dim}\n"


def _shapes() -> str:
    sizes = "".join(f".{kind}{{font-size:{size:g}px}}" for kind, size in SIZES.items())
    return f"text{{font-family:{SANS}}}.number,.route{{font-family:{MONO}}}{sizes}{SHAPES}"


def _ground(page: str, band: str, box: str, rim: str, text: str, quiet: str) -> str:
    return (
        f".page{{fill:{page}}}.band{{fill:{band}}}.rim{{stroke:{band}}}.shape{{fill:{box};stroke:{rim}}}"
        f".name,.title{{fill:{text}}}.number,.route{{fill:{text}}}.small,.band-name,.quiet{{fill:{quiet}}}"
        f".door,.sample{{stroke:{quiet}}}.door-tip,.sample-tip{{fill:{quiet}}}"
    )


def _colours(
    report: Mapping[str, Any],
    numbers: Mapping[str, int],
    called: tuple[float, float],
    stored: tuple[float, float],
    filled: tuple[float, float],
) -> Iterator[str]:
    groups = report["migration_groups"]
    of_group, of_service = hues(groups, [(one["name"], one["migration_group"]) for one in report["services"]])
    kinds = list(dict.fromkeys(store["kind"] for store in report["datastores"]))
    __, of_store = hues(kinds, [(one["name"], one["kind"]) for one in report["datastores"]])
    for number, group in enumerate(groups):
        yield f".group{number}{{fill:{hexadecimal(*called, of_group[group])}}}"
    group_of = {one["name"]: one["migration_group"] for one in report["services"]}
    for key, number in numbers.items():
        kind, __, name = key.partition(":")
        if kind == "service":
            line = hexadecimal(*called, of_service[name])
            yield f".g{number}{{fill:{hexadecimal(*called, of_group[group_of[name]])}}}"
        else:
            line = hexadecimal(*stored, of_store[name])
            yield f".s{number}{{fill:{hexadecimal(*filled, of_store[name])};stroke:{line}}}.s{number}.lid{{fill:none}}"
        yield f".c{number}{{stroke:{line}}}.f{number}{{fill:{line}}}"


def _dimmed(number: int) -> str:
    """While the pointer is on a box, whatever does not belong to it steps back."""
    on = f"svg:has(.b{number}:hover)"
    return f"{on} :is(.link,.tip):not(.n{number}){{opacity:.1}}"
