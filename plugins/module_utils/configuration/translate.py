# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container's value as it is right natively: hosts and ports of other services, and paths of volumes that moved."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..catalogue.derived import directory
from ..catalogue.rewriting import Address, Rewriter
from ..docker.containers import VOLUME, Container

LOOPBACK = "127.0.0.1"
_THIS_HOST = re.compile(r"(?<![\w.-])(?:host|gateway)\.docker\.internal(?![\w.-])")
"""How a container calls the machine that it runs on."""


class Translator:
    """``addresses``: by Compose service and port the native one. ``paths``: by path in the container the native one."""

    def __init__(self, addresses: Mapping[str, Mapping[int, Address]], paths: Mapping[str, str]) -> None:
        self._rewriter = Rewriter(addresses)
        self._paths = dict(sorted(paths.items(), key=lambda pair: -len(pair[0])))

    def text(self, value: str) -> str:
        """The native value; the same one where nothing in it moved."""
        for old, new in self._paths.items():
            if value == old or value.startswith(old + "/"):
                return new + value[len(old) :]
        return _THIS_HOST.sub(LOOPBACK, self._rewriter.text(value))

    @property
    def left(self) -> list[str]:
        """Addresses of known services at ports that the catalogue does not know."""
        return self._rewriter.left


def moved_paths(
    container: Container, volumes: Mapping[str, Mapping[str, Any]], datastores: Mapping[str, Any]
) -> dict[str, str]:
    """By mount point, where the files of a volume are natively. ``volumes``: `docker volume inspect`, by name."""
    found = {}
    for mount in container.mounts:
        labels = (volumes.get(mount.name) or {}).get("Labels") or {}
        names = {mount.name, labels.get(VOLUME, ""), mount.name.removeprefix(f"{container.project}_")} - {""}
        for name, store in datastores.items():
            if (store.get("docker") or {}).get("volume") in names:
                found[mount.target.rstrip("/")] = directory(name)
    return found


def servers(datastores: Mapping[str, Any]) -> dict[str, str]:
    """By Compose service, of which datastore it is the server."""
    found: dict[str, list[str]] = {}
    for name, store in datastores.items():
        if service := (store.get("docker") or {}).get("service"):
            found.setdefault(service, []).append(name)
    return {service: ", ".join(sorted(names)) for service, names in found.items()}


def unpack(addresses: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[int, Address]]:
    """From JSON, whose keys are texts."""
    return {name: {int(port): Address(*at) for port, at in ports.items()} for name, ports in addresses.items()}


def pack(addresses: Mapping[str, Mapping[int, Address]]) -> dict[str, dict[str, list[Any]]]:
    """As JSON."""
    return {name: {str(port): [at.host, at.port] for port, at in ports.items()} for name, ports in addresses.items()}
