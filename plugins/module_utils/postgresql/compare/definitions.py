# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Definitions as servers of different majors print them.

From 16 on a view with one source prints its columns without that source's name, which older majors put before each:
``SELECT t.id FROM t`` and ``SELECT id FROM t`` are one definition. A list of ``varchar`` values that stands beside text is
printed otherwise once it was dumped and restored: the cast of the list has become one of each value. Everything else must
be alike word for word.
"""

from __future__ import annotations

import re

SHORT_NAMES = 16
"""The first major that leaves the names of single sources out."""

_TOKEN = re.compile(
    r"""
    \$(?P<tag>\w*)\$.*?\$(?P=tag)\$      # dollar-quoted text
    | [eEbBxX]?'(?:[^']|'')*'            # text
    | "(?:[^"]|"")*"                     # quoted name
    | [^\W\d][\w$]*                      # name or word
    | \d[\w.]*                           # number
    | \S                                 # anything else, one by one
    """,
    re.VERBOSE | re.DOTALL,
)
_VALUE = r"'(?:[^']|'')*'::character varying(?:\(\d+\))?"
_LIST = re.compile(rf"\(\(ARRAY\[({_VALUE}(?:, {_VALUE})*)\]\)::text\[\]\)")
_NAME = re.compile(r'[^\W\d][\w$]*$|"(?:[^"]|"")*"$')


def tokens(definition: str) -> list[str]:
    return [match[0] for match in _TOKEN.finditer(definition)]


def same(one: object, one_major: int, other: object, other_major: int) -> bool:
    """Whether two definitions mean the same object."""
    if one == other:
        return True
    if not isinstance(one, str) or not isinstance(other, str):
        return False
    one, other = restored(one), restored(other)
    if one == other or (one_major < SHORT_NAMES) == (other_major < SHORT_NAMES):
        return one == other
    long, short = (one, other) if one_major < SHORT_NAMES else (other, one)
    return _aligned(tokens(long), tokens(short))


def restored(definition: str) -> str:
    """As it is printed after a dump and a restore."""
    return _LIST.sub(
        lambda match: "(ARRAY[" + re.sub(_VALUE, lambda value: f"({value[0]})::text", match[1]) + "])", definition
    )


def _aligned(long: list[str], short: list[str]) -> bool:
    """Whether ``long`` is ``short`` with a name and a dot more before some names."""
    at = 0
    for word in short:
        if at < len(long) and long[at] == word:
            at += 1
        elif long[at + 1 : at + 3] == [".", word] and _NAME.match(long[at]):
            at += 3
        else:
            return False
    return at == len(long)
