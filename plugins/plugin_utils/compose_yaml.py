# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compose files as YAML: read as Compose v2 does (YAML 1.2), where `yes` is a text and `22:22` no number.

Only on the controller: hosts need no YAML library.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Any

import yaml


class ComposeYamlError(ValueError):
    """Why a file is not read: with line and column, and without its content."""


class _Loader(yaml.SafeLoader):
    """Safe, with the core schema of YAML 1.2, and duplicate keys refused."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("tag:yaml.org,2002:bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("tag:yaml.org,2002:int", r"^[-+]?[0-9]+$", "-+0123456789"),
    ("tag:yaml.org,2002:float", r"^[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?$", "-+0123456789."),
    ("tag:yaml.org,2002:merge", r"^<<$", "<"),
    ("tag:yaml.org,2002:null", r"^(?:~|null|Null|NULL|)$", "~nN\0"),
):
    _Loader.add_implicit_resolver(_tag, re.compile(_pattern), [*_first, ""] if _tag.endswith("null") else list(_first))


def _number(loader: _Loader, node: yaml.ScalarNode) -> Any:
    """A number stays as it was written, where that matters: `010`, `1.10` and `1_000` are texts to a container."""
    text = loader.construct_scalar(node)
    return int(text) if re.fullmatch(r"-?(?:0|[1-9][0-9]*)", text) else text


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    keys: set[Any] = set()
    for key_node, __ in node.value:
        if key_node.tag == "tag:yaml.org,2002:merge":
            continue
        key = loader.construct_object(key_node, deep=True)
        if isinstance(key, Hashable) and key in keys:
            line = key_node.start_mark.line + 1
            raise ComposeYamlError(f"line {line}: the key {key!r} stands twice in one mapping; remove one of them")
        keys.add(key)
    loader.flatten_mapping(node)
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor("tag:yaml.org,2002:int", _number)
_Loader.add_constructor("tag:yaml.org,2002:float", _number)
_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def load(text: str) -> dict[str, Any]:
    """One Compose file. Raises :class:`ComposeYamlError`."""
    try:
        # A subclass of the safe loader.
        document = yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        # The problem names the kind of fault; a tag is all of the file that it may quote.
        raise ComposeYamlError(f"{where}{error.problem or 'no YAML'}") from None
    except yaml.YAMLError:
        raise ComposeYamlError("it holds characters that YAML does not allow") from None
    if not isinstance(document, dict):
        raise ComposeYamlError("it holds no mapping with services")
    return document
