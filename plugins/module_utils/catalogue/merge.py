# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users change the catalogue by patches: merged deeply in the order of their names, lists replaced, null removes.

Every value keeps a record of who set it last.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .fields import join
from .findings import Findings, kind_of, suggestion

PREFIXES = {"cryptobot_services__": "services", "cryptobot_datastores__": "datastores"}


@dataclass(frozen=True)
class Patch:
    """One variable. `places` says where parts of it were written, by path below the value ("" is the whole)."""

    variable: str
    target: str
    value: Any
    places: Mapping[str, str] = field(default_factory=dict)

    def place(self, path: str) -> str:
        """`file:line (variable)`, as exactly as it is known."""
        while path and path not in self.places:
            path = path.rpartition(".")[0]
        place = self.places.get(path, "")
        return f"{place} ({self.variable})" if place else self.variable


@dataclass
class Merged:
    """The catalogue after all patches. `provenance`: for every leaf path, who set it."""

    catalogue: dict[str, Any]
    provenance: dict[str, str]
    findings: Findings

    def locate(self, path: str) -> str:
        """Who set `path`; for one that is missing, who set what is nearest around it."""
        path = path.partition("[")[0]
        if path in self.provenance:
            return self.provenance[path]
        below = {place for known, place in self.provenance.items() if known.startswith(path + ".")}
        if len(below) == 1:
            return below.pop()
        return self.locate(path.rpartition(".")[0]) if "." in path and not below else ""


def merge(base: Mapping[str, Any], origin: str, patches: Iterable[Patch]) -> Merged:
    """The shipped catalogue with the patches, in the order of the variables' names."""
    catalogue = copy.deepcopy(dict(base))
    merged = Merged(catalogue, {path: origin for path in leaves(catalogue)}, Findings())
    for patch in sorted(patches, key=lambda one: one.variable):
        if patch.target not in PREFIXES.values():
            _replace(merged, catalogue, patch.target, patch.target, patch, "")
        elif isinstance(patch.value, Mapping):
            _merge(merged, catalogue.setdefault(patch.target, {}), patch.value, patch.target, patch, "")
        else:
            example = f"{patch.variable}: {{{'billing' if patch.target == 'services' else 'redis'}: {{…}}}}"
            merged.findings.add(
                patch.variable,
                f"should be a dictionary by name, but is {kind_of(patch.value)}",
                example,
                patch.place(""),
            )
    return merged


def _merge(
    merged: Merged, onto: dict[str, Any], value: Mapping[str, Any], path: str, patch: Patch, inside: str
) -> None:
    for key, new in value.items():
        here, below = join(path, str(key)), join(inside, str(key))
        if new is None:
            if key not in onto:
                hint = suggestion(str(key), map(str, onto))
                merged.findings.add(
                    here, f"null removes a key, but there is none{'; ' + hint if hint else ''}", "", patch.place(below)
                )
            onto.pop(key, None)
            _forget(merged.provenance, here)
        elif isinstance(new, Mapping) and isinstance(onto.get(key), dict) and onto[key] and new:
            _merge(merged, onto[key], new, here, patch, below)
        elif isinstance(new, Mapping) and isinstance(onto.get(key, {}), dict):
            if key not in onto:
                onto[key] = {}
                merged.provenance[here] = patch.place(below)
            if new:
                merged.provenance.pop(here, None)
                _merge(merged, onto[key], new, here, patch, below)
        else:
            _replace(merged, onto, key, here, patch, below, new)


def _replace(
    merged: Merged, onto: dict[str, Any], key: str, path: str, patch: Patch, inside: str, new: Any = None
) -> None:
    _forget(merged.provenance, path)
    onto[key] = copy.deepcopy(patch.value if new is None else new)
    for leaf in leaves(onto[key], path):
        merged.provenance[leaf] = patch.place(join(inside, leaf.removeprefix(path).lstrip(".")).rstrip("."))


def _forget(provenance: dict[str, str], path: str) -> None:
    for known in [known for known in provenance if known == path or known.startswith(path + ".")]:
        del provenance[known]


def leaves(value: Any, path: str = "") -> Iterable[str]:
    """Paths of everything that is no filled dictionary; a list is one leaf."""
    if isinstance(value, Mapping) and value:
        for key, element in value.items():
            yield from leaves(element, join(path, str(key)))
    elif path:
        yield path
