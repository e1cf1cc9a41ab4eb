# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that users set for the collection's roles, checked before any role runs, by the roles' own argument specs.

Ansible's own messages show the value that is wrong; ours never do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.findings import Findings, kind_of

Option = Mapping[str, Any]
_WORDS = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "list": "a list",
    "dict": "a dictionary",
    "path": "a path",
    "raw": "a value",
}


@cache
def role_options(roles: Path) -> dict[str, Option]:
    """All options of all roles by name. Roles' variables carry the role's name, so that names do not clash."""
    found: dict[str, Option] = {}
    for role in sorted(path for path in roles.glob("*") if path.is_dir()):
        for entry in _argument_specs(role).values():
            found |= (entry or {}).get("options") or {}
    return found


def _argument_specs(role: Path) -> Mapping[str, Any]:
    for name in ("argument_specs.yml", "main.yml"):
        file = role / "meta" / name
        if file.is_file():
            found = (yaml.safe_load(file.read_text(encoding="utf-8")) or {}).get("argument_specs")
            if found:
                return found
    return {}


def check_options(values: Mapping[str, Any], options: Mapping[str, Option], findings: Findings) -> None:
    """Adds a finding for each value that its option does not admit."""
    for name, value in values.items():
        for path, option in _faults(name, options[name], value):
            findings.add(path, f"should be {_expected(option)}", _example(path, option))


def _faults(path: str, option: Option, value: Any) -> Iterator[tuple[str, Option]]:
    """The innermost places that are wrong, each with what belongs there."""
    if option.get("type") == "raw" or value is None:
        return
    nested = option.get("options") or {}
    plain = {key: entry for key, entry in option.items() if key in ("type", "elements", "choices")}
    if not _admits(plain, value):
        yield path, option
    elif nested and isinstance(value, Mapping):
        yield from _nested(path, nested, value)
    elif nested and isinstance(value, list | tuple):
        for index, element in enumerate(value):
            if isinstance(element, Mapping):
                yield from _nested(f"{path}[{index}]", nested, element)


def _nested(path: str, options: Mapping[str, Option], value: Mapping[str, Any]) -> Iterator[tuple[str, Option]]:
    for key, element in value.items():
        if key in options:
            yield from _faults(f"{path}.{key}", options[key], element)
        else:
            yield f"{path}.{key}", {"instead": sorted(options)}
    for key, option in options.items():
        if option.get("required") and key not in value:
            yield f"{path}.{key}", option


def _admits(option: Option, value: Any) -> bool:
    if option.get("type") in (None, "str") and not isinstance(value, str | int | float):
        return False
    return not ArgumentSpecValidator({"value": dict(option)}).validate({"value": value}).error_messages


def _expected(option: Option) -> str:
    if "instead" in option:
        return f"one of the known keys: {', '.join(option['instead'])}"
    if option.get("choices"):
        return f"one of {', '.join(map(str, option['choices']))}"
    words = _WORDS.get(option.get("type", "str"), "a value")
    if option.get("type") == "list" and option.get("elements"):
        words = f"a list, each {_WORDS.get(option['elements'], kind_of(None))}"
    return words


def _example(path: str, option: Option) -> str:
    default = option.get("default")
    if default in (None, "", [], {}):
        choices = option.get("choices")
        return f"{path}: {choices[0]}" if choices else ""
    return f"{path}: {str(default).lower() if isinstance(default, bool) else default}"
