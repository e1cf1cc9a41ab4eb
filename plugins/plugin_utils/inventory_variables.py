# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an inventory says: variables of its hosts, rendered one by one, so that one that cannot be is a finding."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.fields import join
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.findings import Findings
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.inventory import PARENT

try:
    # Where a value was written. Not a promised interface, hence optional: without it messages name the variable alone.
    from ansible._internal._datatag._tags import Origin
except ImportError:
    Origin = None

_UNDEFINED = re.compile(r"'([A-Za-z_]\w{0,80})' is undefined")
MISSING = object()


class InventoryVariables:
    """Reads `hostvars`. Everything that comes out is plain data without templates."""

    def __init__(self, hostvars: Any, groups: Mapping[str, list[str]]) -> None:
        self._hostvars = hostvars
        self.groups = groups
        ours = {name for group, names in groups.items() if group.startswith(PARENT) for name in names}
        self.hosts = [name for name in groups.get("all", []) if name in ours]

    def names(self, host: str) -> list[str]:
        return sorted(self._hostvars[host])

    def get(self, host: str, name: str, findings: Findings, lenient: bool = False) -> Any:
        """A variable's value, `MISSING` where there is none or it cannot be rendered, which is a finding.

        `lenient`: what depends on a host's facts is not known yet and no fault.
        """
        variables = self._hostvars[host]
        if name not in variables:
            return MISSING
        return self._plain(lambda: variables[name], name, lambda: self.place(host, name), findings, lenient)

    def _plain(self, read: Any, path: str, place: Any, findings: Findings, lenient: bool) -> Any:
        try:
            value = read()
        except AnsibleError as error:
            reason = _reason(error)
            if not (lenient and "ansible_facts" in str(error)):
                findings.add(path, f"cannot be rendered: {reason}", "", place())
            return MISSING
        if isinstance(value, Mapping):
            items = {
                str(key): self._plain(lambda key=key: value[key], join(path, str(key)), place, findings, lenient)
                for key in value
            }
            return {key: item for key, item in items.items() if item is not MISSING}
        if isinstance(value, list | tuple):
            found = [
                self._plain(lambda index=index: value[index], f"{path}[{index}]", place, findings, lenient)
                for index in range(len(value))
            ]
            return [item for item in found if item is not MISSING]
        for kind in (bool, int, float, str):
            if isinstance(value, kind):
                return kind(value)
        return value

    def place(self, host: str, name: str) -> str:
        """`file:line (variable)`, or the variable alone."""
        where = self.places(host, name).get("", "")
        return f"{where} ({name})" if where else name

    def places(self, host: str, name: str) -> dict[str, str]:
        """Where each part of a variable was written, by its path below the variable."""
        raw = self._hostvars.raw_get(host) if hasattr(self._hostvars, "raw_get") else {}
        return dict(_places(raw.get(name), "")) if Origin else {}


def _places(value: Any, path: str) -> Iterator[tuple[str, str]]:
    place = _place(value)
    if place:
        yield path, place
    if isinstance(value, dict):
        for key, element in value.items():
            here = join(path, str(key))
            if key_place := _place(key):
                yield here, key_place
            yield from _places(element, here)


def _place(value: Any) -> str:
    origin = Origin.get_tag(value) if Origin and value is not None else None
    if origin is None:
        return ""
    if not origin.path:
        return origin.description or ""
    relative = os.path.relpath(origin.path)
    path = origin.path if relative.startswith("..") else relative
    return f"{path}:{origin.line_num}" if origin.line_num else path


def _reason(error: AnsibleError) -> str:
    """Why, without any part of the template: that could hold a secret."""
    undefined = _UNDEFINED.search(str(error))
    return f"{undefined[1]} is undefined" if undefined else "its template has an error"
