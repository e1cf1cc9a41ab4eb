# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a check found: which path, what is wrong there, what would be right, and where it was set."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

SHOWN_CHARACTERS = 40


@dataclass(frozen=True, order=True)
class Finding:
    """One fault. `path` is where in the catalogue or which variable; no field ever holds the value of a secret.

    `other`: a second path that is part of the fault, in a clash.
    """

    path: str
    problem: str
    example: str = ""
    where: str = ""
    other: str = ""

    def __str__(self) -> str:
        parts = [f"{self.path}: {self.problem}"]
        if self.example:
            parts.append(f"Example: {self.example}")
        if self.where:
            parts.append(f"Set in {self.where}")
        return " ".join(part if part.endswith((".", "?", "!")) else f"{part}." for part in parts)


class Findings:
    """Collects findings, each once, in the order in which they were made."""

    def __init__(self, found: Iterable[Finding] = ()) -> None:
        self._found: dict[Finding, None] = dict.fromkeys(found)

    def add(self, path: str, problem: str, example: str = "", where: str = "", other: str = "") -> None:
        self._found[Finding(path, problem, example, where, other)] = None

    def extend(self, found: Iterable[Finding]) -> None:
        self._found.update(dict.fromkeys(found))

    def located(self, locate: Callable[[str], str]) -> Findings:
        """The same findings, each with the place where its path was set, as far as `locate` knows it."""

        def place(one: Finding) -> str:
            places = [locate(path) for path in (one.path, one.other) if path]
            return " and ".join(dict.fromkeys(filter(None, places)))

        return Findings(one if one.where else replace(one, where=place(one)) for one in self)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def report(self, subject: str = "the catalogue and the inventory") -> str:
        """All findings as one text, numbered."""
        count = "1 finding" if len(self) == 1 else f"{len(self)} findings"
        lines = [f"{number:>3}. {finding}" for number, finding in enumerate(self, 1)]
        return "\n".join([f"{count} in {subject}; no host was touched.", *lines])


def shown(value: object) -> str:
    """A name or number for a message, shortened. Only for what cannot be a secret: keys, names, ports."""
    text = str(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"


def kind_of(value: object) -> str:
    """What a value is, in the words of YAML, without showing it."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "a boolean"
    for types, name in (((int, float), "a number"), (str, "text"), (dict, "a dictionary"), ((list, tuple), "a list")):
        if isinstance(value, types):
            return name
    return "something else"


def suggestion(name: str, known: Iterable[str]) -> str:
    """`Did you mean x?`, where something known comes close; else what is known, if that is little."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.7)
    if close:
        return f"did you mean {close[0]}?"
    if 0 < len(known) <= 16:
        return f"known are {', '.join(known)}"
    return ""
