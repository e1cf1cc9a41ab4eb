# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The access file of Redis: who may come in, with digests of passwords only."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

_NAME = re.compile(r"^[A-Za-z0-9_.:-]+$")


@dataclass(frozen=True)
class User:
    """A user with its rules. ``passwords``: any of them lets it in, so that one can be replaced while both are in use."""

    name: str
    rules: tuple[str, ...]
    passwords: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """The user's line of the access file; without a password nobody can come in."""
        if not _NAME.match(self.name):
            raise ValueError(f"{self.name!r} can't be the name of a Redis user. Use letters, digits, hyphens and underscores.")
        digests = [f"#{hashlib.sha256(password.encode()).hexdigest()}" for password in self.passwords]
        state = "on" if digests else "off"
        return " ".join(["user", self.name, "reset", state, "sanitize-payload", *digests, *self.rules])


DEFAULT_OFF = "user default reset off sanitize-payload ~* &* +@all"
"""Nobody comes in as this user. It has all rights, since by its rights a server that starts again (7.0) carries out the
transactions of its append-only file: those that they do not allow would be dropped without a word."""


def file_text(users: Iterable[User]) -> str:
    """The whole file, sorted by name, so that the same users give the same bytes."""
    return "\n".join([DEFAULT_OFF, *sorted(user.line for user in users)]) + "\n"


def changed_users(before: str, after: str) -> dict[str, str]:
    """By name, what happens to a user between two access files: ``new``, ``gone``, ``password``, ``rights`` or both."""
    was, is_ = _by_name(before), _by_name(after)
    found = {}
    for name in sorted({*was, *is_}):
        if name not in was:
            found[name] = "new"
        elif name not in is_:
            found[name] = "gone"
        elif was[name] != is_[name]:
            sides = [_split(was[name]), _split(is_[name])]
            words = [word for word, index in (("password", 0), ("rights", 1)) if sides[0][index] != sides[1][index]]
            found[name] = " and ".join(words) + " changed"
    return found


def rights(text: str) -> Mapping[str, str]:
    """By name, the rules of an access file without digests: what may be shown."""
    return {name: " ".join(_split(words)[1]) for name, words in _by_name(text).items()}


def _by_name(text: str) -> dict[str, list[str]]:
    lines = (line.split() for line in text.splitlines())
    return {words[1]: words[2:] for words in lines if len(words) > 1 and words[0] == "user"}


def _split(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Digests, and everything else."""
    return [word for word in words if word.startswith("#")], [word for word in words if not word.startswith("#")]


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Seen:
    """Digests of a user's line in the access file and of what the server made of it, kept from the last run. A later
    difference of either is a change in the file or a change behind our back; texts can't be compared, for each version of
    Redis words the same rights differently."""

    wanted: str
    live: str

    @classmethod
    def of(cls, wanted: str, live: str) -> Seen:
        """Of both lines. Redis 7.0 lists single commands by a hash table that each of its starts seeds anew."""
        words, commands = [], []
        for word in live.split():
            single = word[0] in "+-" and word[1:2] != "@"
            if not single:
                words += sorted(commands)
                commands = []
            (commands if single else words).append(word)
        return cls(digest(wanted), digest(" ".join([*words, *sorted(commands)])))


def stale_users(wanted: Mapping[str, str], live: Mapping[str, str], seen: Mapping[str, Seen]) -> list[str]:
    """Names of users to set again or to remove; ``wanted`` and ``live`` are lines by name."""
    names = []
    for name in sorted({*wanted, *live}):
        known = seen.get(name)
        if name not in wanted or name not in live or known is None:
            names.append(name)
        elif known != Seen.of(wanted[name], live[name]):
            names.append(name)
    return names


def passwords(line: str) -> tuple[str, ...]:
    """Of a user's line, whether it is let in and by which digests."""
    words = line.split()
    return ("on" if "on" in words[2:] else "off", *sorted(word for word in words if word.startswith("#")))


def other_passwords(wanted: Mapping[str, str], live: Mapping[str, str]) -> list[str]:
    """Names of users of both who are let in by something else."""
    return [name for name in sorted({*wanted} & {*live}) if passwords(wanted[name]) != passwords(live[name])]


def lines(text: str) -> dict[str, str]:
    """Lines of an access file, or of ``ACL LIST``, by the user's name."""
    return {words[1]: line for line in text.splitlines() if len(words := line.split()) > 1 and words[0] == "user"}
