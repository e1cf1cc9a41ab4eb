# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Placeholders in commands, environment and settings: `{listen}`, `{urls.auth}`, `{datastores.auth.url}` …

`{{` and `}}` are literal braces. What is not known is left to the caller to report, by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

INSTANCE = ("listen", "listen.port", "instance")
_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_SHOWABLE = re.compile(r"[\w.-]{1,64}")


class PlaceholderError(ValueError):
    """What is wrong with a template; the text never holds the template itself."""


def names(text: str) -> Iterator[str]:
    """The names of all placeholders in `text`, in order."""
    for match in _TOKEN.finditer(text):
        if match[0] in ("{", "}"):
            raise PlaceholderError("has a lone brace; write {{ and }} for literal braces")
        if match[1] is not None:
            yield match[1]


def render(text: str, value_of: Callable[[str], str | None]) -> str:
    """`text` with each placeholder replaced; where `value_of` answers None it stays.

    Doubled braces of a text that keeps one stay as well: a text that is only partly rendered can be rendered again.
    """
    left = False
    for name in names(text):
        left = left or value_of(name) is None

    def replace(match: re.Match[str]) -> str:
        if match[1] is None:
            return match[0] if left else match[0][0]
        value = value_of(match[1])
        if value is None:
            return match[0]
        return value.replace("{", "{{").replace("}", "}}") if left else value

    return _TOKEN.sub(replace, text)


def showable(name: str) -> str:
    """A placeholder's name for a message; what does not look like a name could be anything, also a secret."""
    return f"{{{name}}}" if _SHOWABLE.fullmatch(name) else "a placeholder that is no name"
