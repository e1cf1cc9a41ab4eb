# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user may run, what of that is taken while its server is closed, and how exactly that comes back.

Only commands and selectors are touched: passwords, keys and channels stay as they are, whoever changes them meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

DEFAULT = "default"
TAKEN = ("write", "admin")
READS = frozenset({"info", "keys", "sort_ro"})
"""Called dangerous, and change nothing: clients ask for INFO as they connect."""


@dataclass(frozen=True)
class Selector:
    """A further set of rights (from 7.0), each as the server says it."""

    commands: str
    keys: str
    channels: str

    def rule(self, closers: Sequence[str] = ()) -> str:
        """As ``ACL SETUSER`` takes it."""
        words = [*self.keys.split(), "resetchannels", *self.channels.split(), *self.commands.split(), *closers]
        return f"({' '.join(words)})"


@dataclass(frozen=True)
class User:
    """The rights of one user."""

    name: str
    commands: str
    selectors: tuple[Selector, ...] = ()

    @classmethod
    def parsed(cls, name: str, answer: Sequence[Any]) -> User:
        """From the answer to ``ACL GETUSER``."""
        found = _pairs(answer)
        selectors = (_pairs(each) for each in found.get("selectors") or ())
        return cls(
            name,
            found["commands"],
            tuple(Selector(each["commands"], _text(each["keys"]), _text(each["channels"])) for each in selectors),
        )

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> User:
        return cls(found["name"], found["commands"], tuple(Selector(**each) for each in found.get("selectors", ())))

    def opening(self) -> list[str]:
        """Rules that give these very rights."""
        return ["nocommands", *self.commands.split(), *self._selectors(())]

    def closing(self, commands: Commands) -> list[str]:
        """Rules that take what changes anything, and leave the rest."""
        return [*commands.closers, *self._selectors(commands.closers)]

    def writes(self, commands: Commands) -> bool:
        """Whether any of its rights lets it change anything."""
        sets = (commands.allowed(rules) for rules in (self.commands, *(each.commands for each in self.selectors)))
        return any(_one_of(name, commands.harmful) for found in sets for name in found)

    def same(self, other: User, commands: Commands) -> bool:
        """Whether both have the same rights: a server words the same ones in changing order."""
        if self == other:
            return True
        return self._meant(commands) == other._meant(commands)

    def _meant(self, commands: Commands) -> tuple[Any, ...]:
        selectors = [(commands.allowed(each.commands), each.keys, each.channels) for each in self.selectors]
        return commands.allowed(self.commands), selectors

    def _selectors(self, closers: Sequence[str]) -> list[str]:
        if not self.selectors:
            return []
        return ["clearselectors", *(each.rule(closers) for each in self.selectors)]


class Commands:
    """A server's commands by category (``ACL CAT``), and what rules mean there."""

    def __init__(self, categories: Mapping[str, Iterable[str]]) -> None:
        self._categories = {name: frozenset(found) for name, found in categories.items()}
        self._everything = frozenset().union(*self._categories.values())
        self._known: dict[str, frozenset[str]] = {}
        taken = frozenset().union(*(self._categories.get(name, ()) for name in TAKEN))
        rest = self._categories.get("dangerous", frozenset()) - READS - taken
        self.harmful = taken | rest
        """Every command that changes data or the server."""
        self.closers = (*(f"-@{name}" for name in TAKEN), *(f"-{name}" for name in sorted(rest)))
        """Rules that take those."""

    def allowed(self, rules: str) -> frozenset[str]:
        """Commands that rules of a user allow, read from left to right as the server reads them."""
        if rules not in self._known:
            self._known[rules] = self._read(rules)
        return self._known[rules]

    def _read(self, rules: str) -> frozenset[str]:
        found: set[str] = set()
        for rule in rules.lower().split():
            sign, what = rule[0], rule[1:]
            if rule in ("allcommands", "+@all"):
                found = set(self._everything)
            elif rule in ("nocommands", "-@all"):
                found = set()
            elif what.startswith("@"):
                names = self._categories.get(what[1:], frozenset())
                found = found | names if sign == "+" else {each for each in found if not _one_of(each, names)}
            elif sign == "+":
                found |= {what, *(each for each in self._everything if each.startswith(f"{what}|"))}
            else:
                found = {each for each in found if not _one_of(each, {what})}
        return frozenset(found)


def is_off(answer: Sequence[Any]) -> bool:
    """Whether nobody can come in as the user of this answer to ``ACL GETUSER``."""
    return "off" in _pairs(answer)["flags"]


def _one_of(name: str, names: set[str] | frozenset[str]) -> bool:
    """Whether a command is named, itself or with all of its subcommands."""
    return name in names or name.partition("|")[0] in names


def _pairs(flat: Sequence[Any]) -> dict[str, Any]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _text(patterns: Any) -> str:
    """Patterns come as one text, before 7.0 as a list."""
    return patterns if isinstance(patterns, str) else " ".join(patterns)
