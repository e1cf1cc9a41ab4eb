# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a directory of data is: a path of this host, a volume, or a path in a container."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

INCOMING, BEFORE = ".incoming", ".before"


class FilesError(RuntimeError):
    """Files can't be moved or compared; the text is a sentence for the operator."""


@dataclass(frozen=True)
class Place:
    """A directory of this host. ``title`` names it in sentences."""

    path: str
    title: str

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Place:
        """``{path}``, ``{container: {project, volume}}`` or ``{container: {project, service, path}}``."""
        given = {name: value for name, value in options.items() if value is not None}
        if given.get("path"):
            return cls(os.path.realpath(given["path"]), given["path"])
        container = given.get("container")
        if not container:
            raise FilesError(
                "A directory is given by path, or by container with project and volume; none of them stands there."
            )
        if container.get("volume"):
            return _volume(container["project"], container["volume"])
        return _inside(container["project"], container["service"], container["path"])

    @property
    def incoming(self) -> str:
        return f"{self.path}{INCOMING}"

    @property
    def before(self) -> str:
        return f"{self.path}{BEFORE}"


def _volume(project: str, volume: str) -> Place:
    # Imported where it is needed: who has no containers needs nothing of them.
    from ..docker import endpoints

    return Place(os.path.realpath(endpoints.volume_path(project, volume)), f"the volume {volume} of {project}")


def _inside(project: str, service: str, path: str) -> Place:
    """A mount's path on the host, else the container's own layer, which shows all files while the container runs."""
    from ..docker.engine import Engine

    container = Engine().container(project, service)
    title = f"{path} in the container of {service} ({project})"
    if mounted := container.host_path(path):
        return Place(os.path.realpath(mounted), title)
    layers = (container.raw.get("GraphDriver") or {}).get("Data") or {}
    name = "MergedDir" if container.running else "UpperDir"
    if not layers.get(name):
        raise FilesError(
            f"{title} is in the container's own layer, whose place the engine does not tell. Copy it out by docker cp."
        )
    return Place(layers[name] + os.path.normpath(path), title)
