# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A typed description of nested data: one source for its validation and for its reference page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .findings import Findings, kind_of, shown, suggestion

UNKNOWN_KEY = "is not a known key"

_CLASSES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "number": (int, float),
    "bool": (bool,),
    "list": (list, tuple),
}
_CLASSES |= {"dict": (Mapping,), "map": (Mapping,), "any": (object,), "scalar": (str, int, float, bool)}
_WORDS = {
    "str": "text",
    "int": "a whole number",
    "number": "a number",
    "bool": "true or false",
    "list": "a list",
    "dict": "a dictionary",
    "map": "a dictionary by name",
    "any": "anything",
    "scalar": "text, a number, true or false",
}


@dataclass(frozen=True)
class Field:
    """One place in the data.

    `type`: str, int, number, bool, scalar, any; list (of `elements`); dict (of `options`); map (any name that
    matches `names`, to `elements`). `example` is YAML in one line, as a user would write it. `nullable`: null is a
    value of its own (elsewhere it is a mistake, for a patch with null has removed the key before).
    """

    type: str
    doc: str
    example: str = ""
    required: bool = False
    default: Any = None
    choices: tuple[str, ...] = ()
    pattern: str = ""
    pattern_words: str = ""
    minimum: float | None = None
    maximum: float | None = None
    elements: Field | None = None
    options: Mapping[str, Field] = field(default_factory=dict)
    names: str = ""
    nullable: bool = False

    @property
    def words(self) -> str:
        """What belongs here, for messages and the reference."""
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        if self.type in ("int", "number") and self.minimum is not None and self.maximum is not None:
            return f"{_WORDS[self.type]} from {self.minimum:g} to {self.maximum:g}"
        if self.type in ("int", "number") and self.minimum is not None:
            return f"{_WORDS[self.type]}, {self.minimum:g} or more"
        if self.type == "list" and self.elements:
            return f"a list, each {self.elements.words}"
        return (self.pattern_words if self.pattern else "") or _WORDS[self.type]


def check(spec: Field, value: Any, path: str, findings: Findings) -> None:
    """Add a finding for everything in `value` that `spec` does not describe.

    Values are never shown, but numbers and choices.
    """
    if value is None and spec.nullable:
        return
    right_class = isinstance(value, _CLASSES[spec.type])
    if isinstance(value, bool) and spec.type in ("int", "number"):
        right_class = False
    if not right_class or (value is None and spec.type == "any" and not spec.nullable):
        findings.add(path, f"should be {spec.words}, but is {kind_of(value)}", spec.example)
        return
    if spec.type in ("int", "number"):
        low, high = spec.minimum, spec.maximum
        if (low is not None and value < low) or (high is not None and value > high):
            findings.add(path, f"is {value}; should be {spec.words}", spec.example)
    elif spec.choices and value not in spec.choices:
        shown_value = f"is {shown(value)}; " if re.fullmatch(r"[\w-]{1,24}", str(value)) else ""
        findings.add(path, f"{shown_value}should be {spec.words}", spec.example)
    elif spec.pattern and not re.fullmatch(spec.pattern, value):
        findings.add(path, f"should be {spec.words}", spec.example)
    elif spec.type == "list" and spec.elements:
        for index, element in enumerate(value):
            check(spec.elements, element, f"{path}[{index}]", findings)
    elif spec.type == "dict":
        _check_options(spec, value, path, findings)
    elif spec.type == "map":
        _check_names(spec, value, path, findings)


def _check_options(spec: Field, value: Mapping[str, Any], path: str, findings: Findings) -> None:
    for key, element in value.items():
        if key in spec.options:
            check(spec.options[key], element, join(path, key), findings)
        else:
            hint = suggestion(str(key), spec.options)
            findings.add(join(path, shown(key)), f"{UNKNOWN_KEY}{'; ' + hint if hint else ''}", spec.example)
    for key, option in spec.options.items():
        if option.required and key not in value:
            findings.add(join(path, key), "is missing", f"{key}: {option.example}" if option.example else "")


def _check_names(spec: Field, value: Mapping[str, Any], path: str, findings: Findings) -> None:
    for key, element in value.items():
        if spec.names and not (isinstance(key, str) and re.fullmatch(spec.names, key)):
            findings.add(join(path, shown(key)), f"is not a possible name: {spec.pattern_words}", spec.example)
        if spec.elements:
            check(spec.elements, element, join(path, str(key)), findings)


def join(path: str, key: str) -> str:
    """The path of a key below `path`."""
    return f"{path}.{key}" if path else key


def with_defaults(spec: Field, value: Any) -> Any:
    """A copy of `value` in which what may be left out has its default."""
    if value is None:
        return None
    if spec.type == "dict":
        filled = {key: with_defaults(option, value[key]) for key, option in spec.options.items() if key in value}
        for key, option in spec.options.items():
            if key not in filled and option.default is not None:
                filled[key] = with_defaults(option, option.default)
        return filled
    if spec.type == "map":
        return {
            key: with_defaults(spec.elements, element) if spec.elements else element for key, element in value.items()
        }
    if spec.type == "list":
        return [with_defaults(spec.elements, element) if spec.elements else element for element in value]
    return value
