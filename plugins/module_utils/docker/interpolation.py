# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compose's variables: `$X`, `${X}`, `${X:-d}`, `${X-d}`, `${X:?e}`, `${X?e}`, `${X:+r}`, `${X+r}`, nested, and `$$`.

Source: the Compose specification, "Interpolation". A variable that is not set gives nothing, as there, and is remembered:
Compose only warns, and a container may well have got its value from the shell of whoever started it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class InterpolationError(ValueError):
    """A `$` that starts nothing; the text says where, never what."""


@dataclass(frozen=True)
class Missing:
    """A variable that is not set and has no default. ``where`` is the path in the file; ``required`` is that of `${X:?…}`."""

    name: str
    where: str
    required: bool = False


@dataclass
class Interpolation:
    """Replaces variables in a whole Compose file, and remembers which were used and which are missing."""

    variables: Mapping[str, str]
    used: set[str] = field(default_factory=set)
    missing: list[Missing] = field(default_factory=list)
    malformed: list[str] = field(default_factory=list)
    """Paths of texts in which a `$` starts nothing; those texts stay as they are."""

    def walk(self, value: Any, where: str = "") -> Any:
        """The same data with every text interpolated; keys stay."""
        if isinstance(value, str):
            try:
                return self.text(value, where)
            except InterpolationError:
                self.malformed.append(where)
                return value
        if isinstance(value, Mapping):
            return {key: self.walk(one, f"{where}.{key}" if where else str(key)) for key, one in value.items()}
        if isinstance(value, list):
            return [self.walk(one, where + _place(where, index, one)) for index, one in enumerate(value)]
        return value

    def text(self, text: str, where: str = "") -> str:
        """One text. Raises :class:`InterpolationError`."""
        parts, at = [], 0
        while (dollar := text.find("$", at)) >= 0:
            parts.append(text[at:dollar])
            value, at = self._expression(text, dollar + 1, where)
            parts.append(value)
        return "".join([*parts, text[at:]])

    def _expression(self, text: str, at: int, where: str) -> tuple[str, int]:
        following = text[at : at + 1]
        if following == "$":
            return "$", at + 1
        if following == "{":
            end = _closing(text, at)
            return self._braced(text[at + 1 : end], where), end + 1
        name = _NAME.match(text, at)
        if name is None:
            raise InterpolationError(f"{where or 'the text'} holds a lone $; write $$ for a literal one")
        return self._plain(name[0], where), name.end()

    def _plain(self, name: str, where: str) -> str:
        self.used.add(name)
        if name not in self.variables:
            self.missing.append(Missing(name, where))
        return self.variables.get(name, "")

    def _braced(self, inside: str, where: str) -> str:
        name = _NAME.match(inside)
        if name is None:
            raise InterpolationError(f"{where or 'the text'} holds ${{…}} without a variable's name")
        rest = inside[name.end() :]
        if not rest:
            return self._plain(name[0], where)
        operator = rest[:2] if rest[0] == ":" else rest[0]
        word = rest[len(operator) :]
        value = self.variables.get(name[0])
        here = value is not None and (operator[0] != ":" or value != "")
        if operator[-1:] not in ("-", "?", "+"):
            raise InterpolationError(
                f"{where or 'the text'} holds ${{{name[0]}…}} with an operator that Compose does not know"
            )
        self.used.add(name[0])
        if operator[-1] == "+":
            return self.text(word, where) if here else ""
        if here:
            return value or ""
        if operator[-1] == "-":
            return self.text(word, where)
        self.missing.append(Missing(name[0], where, required=True))
        return ""


def _place(where: str, index: int, one: Any) -> str:
    """Where an element of a list is: `[A=1]` is as good as `{A: 1}`."""
    if where.endswith((".environment", ".args")) and isinstance(one, str):
        return f".{one.partition('=')[0]}"
    return f"[{index}]"


def _closing(text: str, opening: int) -> int:
    """Where the brace at ``opening`` ends; `${` inside opens another."""
    depth, at = 0, opening
    while at < len(text):
        if text.startswith("${", at) or at == opening:
            depth += 1
            at += 2 if text.startswith("${", at) else 1
            continue
        if text[at] == "}":
            depth -= 1
            if depth == 0:
                return at
        at += 1
    raise InterpolationError("a ${ is not closed")
