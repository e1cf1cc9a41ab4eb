# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compose's `.env` and `env_file`: what each line gives.

Source: the Compose specification, ".env file syntax", and python-dotenv, which Compose v1 reads them with. The two differ:
v2 interpolates wherever no single quotes are; v1 knows `${X}` and `${X:-d}` alone, in `.env` everywhere, in an `env_file`
nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from .interpolation import Interpolation

_LINE = re.compile(r"[ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z_][A-Za-z0-9_.-]*)[ \t]*(?P<sign>[=:])?[ \t]*")
_SINGLE = re.compile(r"'(?P<text>(?:\\'|[^'])*)'")
_DOUBLE = re.compile(r'"(?P<text>(?:\\.|[^"\\])*)"', re.DOTALL)
_BARE = re.compile(r"[^\n\r]*")
_COMMENT = re.compile(r"[ \t]+#.*")
"""A `#` that follows the sign at once is part of the value, as both versions have it."""
_V1 = re.compile(r"\$\{(?P<name>[^}:]*)(?::-(?P<default>[^}]*))?\}")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "\\": "\\", '"': '"', "'": "'"}


def parse_dotenv(text: str, shell: Mapping[str, str] | None = None, interpolate: bool = True) -> dict[str, str | None]:
    """Variables in their order; None is a name without a value, which comes from the shell.

    Line ends may be those of Windows, a byte order mark is skipped. What is no assignment is left out.
    """
    found: dict[str, str | None] = {}
    text, at = text.removeprefix("\ufeff"), 0
    while at < len(text):
        line = _LINE.match(text, at)
        if text[at] in "\r\n" or line is None:
            at = _BARE.match(text, at).end() + 1  # type: ignore[union-attr]
            continue
        if line["sign"] is None:
            found[line["name"]] = None
            at = _BARE.match(text, line.end()).end() + 1  # type: ignore[union-attr]
            continue
        value, at, literal = _value(text, line.end())
        if interpolate and not literal and "$" in value:
            known = {name: given for name, given in found.items() if given is not None}
            value = _lenient(value, {**known, **(shell or {})})
        found[line["name"]] = value
        at = _BARE.match(text, at).end() + 1  # type: ignore[union-attr]
    return found


def parse_dotenv_v1(text: str) -> dict[str, str | None]:
    """The same of a project's `.env` as Compose v1 reads it."""
    found: dict[str, str | None] = {}
    for name, value in parse_dotenv(text, interpolate=False).items():
        found[name] = value and _V1.sub(lambda one: found.get(one["name"]) or one["default"] or "", value)
    return found


def _value(text: str, at: int) -> tuple[str, int, bool]:
    """The value, where it ends, and whether `$` in it means itself."""
    if single := _SINGLE.match(text, at):
        return single["text"].replace("\\'", "'"), single.end(), True
    if double := _DOUBLE.match(text, at):
        return re.sub(r"(?s)\\(.)", lambda one: _ESCAPES.get(one[1], one[0]), double["text"]), double.end(), False
    bare = _BARE.match(text, at)
    whole = bare[0] if bare else ""
    return _COMMENT.sub("", whole).strip(), at + len(whole), False


def _lenient(value: str, variables: Mapping[str, str]) -> str:
    try:
        return Interpolation(variables).text(value)
    except ValueError:
        return value
