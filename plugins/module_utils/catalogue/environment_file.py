# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""systemd's `EnvironmentFile=`: the only place that knows how values are written into one, and how they are read.

Source: systemd.exec(5), and `parse_env_file_internal` of systemd's env-file.c. In double quotes a backslash gives the
character itself before `"`, `\\`, backtick and `$`, joins lines before a line break, and stays elsewhere. The file does not
expand variables, so that `$` needs no doubling.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_QUOTED = re.compile(r'(["\\`$])')
_AS_IS = re.compile(r"[\w./:@%+,-]+", re.ASCII)


def env_file(variables: Mapping[str, Any]) -> str:
    """The text of a file that gives a process exactly these variables, in the order of their names.

    Raises ValueError where no file could: a name that is none, a NUL or another control character that systemd refuses.
    """
    return "".join(f"{_name(name)}={_encoded(name, text_of(value))}\n" for name, value in sorted(variables.items()))


def text_of(value: Any) -> str:
    """A value of YAML as an environment variable has it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} is not the name of a variable: letters, digits and underscores, not starting with a digit."
        )
    return name


def _encoded(name: str, text: str) -> str:
    if refused := next((character for character in text if ord(character) < 32 and character not in "\t\n"), ""):
        raise ValueError(
            f"{name} holds the control character U+{ord(refused):04X}, which systemd refuses in an environment file."
        )
    return text if _AS_IS.fullmatch(text) else '"' + _QUOTED.sub(r"\\\1", text) + '"'


def parse_env_file(text: str) -> dict[str, str]:
    """What systemd reads from such a file. For tests and for comparing what is on a host."""
    return dict(_Reader(text).entries())


class _Reader:
    """A state machine over characters, as systemd has it."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def entries(self):
        while self._at < len(self._text):
            self._skip(" \t\n\r")
            if self._peek() in ("#", ";"):
                self._comment()
                continue
            key = self._until("=\n").strip()
            if self._peek() != "=":
                self._at += 1
                continue
            self._at += 1
            self._skip(" \t")
            value = self._value()
            if _NAME.fullmatch(key):
                yield key, value

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _skip(self, characters: str) -> None:
        while self._peek() and self._peek() in characters:
            self._at += 1

    def _until(self, ends: str) -> str:
        start = self._at
        while self._peek() and self._peek() not in ends:
            self._at += 1
        return self._text[start : self._at]

    def _comment(self) -> None:
        while self._peek() and self._peek() != "\n":
            self._at += 2 if self._peek() == "\\" else 1

    def _value(self) -> str:
        parts: list[str] = []
        kept = 0
        while (character := self._peek()) and character not in "\n\r":
            self._at += 1
            if character == "'":
                parts.append(self._until("'"))
                self._at += 1
                kept = len("".join(parts))
            elif character == '"':
                parts.append(self._double())
                kept = len("".join(parts))
            elif character == "\\":
                following = self._peek()
                self._at += 1
                parts.append("" if following == "\n" else following)
                kept = len("".join(parts))
            else:
                parts.append(character)
                kept = kept if character in " \t" else len("".join(parts))
        return "".join(parts)[:kept]

    def _double(self) -> str:
        parts: list[str] = []
        while (character := self._peek()) and character != '"':
            self._at += 1
            if character == "\\":
                following = self._peek()
                self._at += 1
                character = "" if following == "\n" else following if following in '"\\`$' else "\\" + following
            parts.append(character)
        self._at += 1
        return "".join(parts)
