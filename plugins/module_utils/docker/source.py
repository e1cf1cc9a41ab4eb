# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The running project beside its files: one description of every service, and where the two differ.

Truth is what runs; the files give structure. No value of an environment leaves this module: names, and digests whose key is
made anew for each description, so that equal values can be seen to be equal and nothing can be guessed from them.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from .compose import ComposeModel, ServiceSpec
from .containers import VOLUME, Container
from .dotenv import parse_dotenv
from .engine import by_service
from .interpolation import Missing


@dataclass
class Source:
    """What was found. ``documents`` is False where no Compose file could be read; ``missing`` are unset variables."""

    bundle: Mapping[str, Any]
    model: ComposeModel
    missing: Sequence[Missing] = ()
    malformed: Sequence[str] = ()
    unreadable: Mapping[str, str] = field(default_factory=dict)
    """By path of a Compose file, why it was not read."""

    def __post_init__(self) -> None:
        self.containers = [Container(raw) for raw in self.bundle["containers"]]
        self.services = by_service(self.containers)
        self._key = secrets.token_bytes(32)

    @property
    def project(self) -> str:
        return str(self.bundle["project"])

    def digest(self, value: str) -> str:
        """Of a value; comparable within this description only."""
        return hmac.new(self._key, value.encode(errors="surrogateescape"), hashlib.sha256).hexdigest()[:16]

    def image_environment(self, container: Container) -> dict[str, str]:
        """The variables that the image itself brings."""
        image = self.bundle["images"].get(container.raw["Image"], {})
        return {name: value for name, __, value in (entry.partition("=") for entry in image.get("env", []))}

    def files_environment(self, spec: ServiceSpec | None) -> dict[str, str | None]:
        """What the files give a service: `env_file` first, then `environment`. None is what comes from the shell."""
        found: dict[str, str | None] = {}
        for path in spec.env_files if spec else []:
            found |= parse_dotenv(self.bundle["also"].get(path) or "", interpolate=not self.by_v1())
        return found | (spec.environment if spec else {})

    def by_v1(self) -> bool:
        """Whether Compose v1 made the containers."""
        return any(version.startswith("1.") for version in self.compose_versions())

    def stopped_by_us(self, container: Container) -> bool:
        """Whether the migration stopped it."""
        return container.id in self.bundle.get("kept", {})

    def restart_policy(self, container: Container) -> str:
        """As it was before the migration touched it."""
        return str(self.bundle.get("kept", {}).get(container.id, {}).get("policy", container.restart_policy))

    def naming(self) -> str:
        """v1 (`project_service_1`), v2 (`project-service-1`), both, or own (every container has a name of its own)."""
        found = set()
        for one in self.containers:
            if one.name == f"{self.project}_{one.service}_{one.number}":
                found.add("v1")
            elif one.name == f"{self.project}-{one.service}-{one.number}":
                found.add("v2")
        return "both" if len(found) == 2 else found.pop() if found else "own"

    def compose_versions(self) -> list[str]:
        """Of the programs that made the containers."""
        return sorted({one.compose_version for one in self.containers if one.compose_version})

    def describe(self) -> dict[str, Any]:
        """The result of the module: JSON without a secret."""
        names = sorted({*self.services, *self.model.services})
        return {
            "project": self.project,
            "directory": self.bundle["directory"],
            "files": sorted(path for path, text in self.bundle["files"].items() if text is not None),
            "engine": self.bundle["engine"],
            "compose": self.compose_versions(),
            "naming": self.naming(),
            "services": {name: self._service(name) for name in names},
            "containers": [self._container(one) for one in self.containers],
            "volumes": {one["Name"]: self.volume(one) for one in self.bundle["volumes"]},
            "networks": {one["Name"]: self._network(one) for one in self.bundle["networks"]},
        }

    def _service(self, name: str) -> dict[str, Any]:
        spec, containers = self.model.services.get(name), self.services.get(name, [])
        first = containers[0] if containers else None
        published = [asdict(port) for one in containers for port in one.published]
        return {
            "in_files": spec is not None,
            "profiles": spec.profiles if spec else [],
            "depends_on": sorted(spec.depends_on) if spec else [],
            "ports": published or [self._planned(port) for port in (spec.ports if spec else [])],
            "environment": self._environment(spec, first),
            "mounts": [{**asdict(mount), "anonymous": mount.anonymous} for mount in first.mounts] if first else [],
            "secrets": sorted(self.bundle["secret_files"].get(first.id, {})) if first else [],
            "containers": [one.name for one in containers],
        }

    @staticmethod
    def _planned(port: Any) -> dict[str, Any]:
        spec = {"address": port.address, "host_port": port.host, "container_port": port.container}
        return {**spec, "protocol": port.protocol}

    def _container(self, one: Container) -> dict[str, Any]:
        return {
            "service": one.service,
            "name": one.name,
            **self.bundle.get("identities", {}).get(one.id, {"uid": None, "gid": None}),
            "id": one.id[:12],
            "state": one.state,
            "health": one.health,
            "image": one.image,
            "restart": self.restart_policy(one),
            "stopped_by_us": self.stopped_by_us(one),
            "stop_timeout": one.stop_timeout,
            "addresses": one.addresses,
            "networks": sorted(one.networks),
            "layer": [{"change": kind, "path": path} for kind, path in self.bundle["layers"].get(one.id, [])],
        }

    def _environment(self, spec: ServiceSpec | None, container: Container | None) -> dict[str, dict[str, str]]:
        wanted, image = self.files_environment(spec), self.image_environment(container) if container else {}
        given = (
            container.environment if container else {key: value for key, value in wanted.items() if value is not None}
        )
        return {
            name: {"from": _origin(name, value, wanted, image), "digest": self.digest(value)}
            for name, value in sorted(given.items())
        }

    def volume(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        """One volume, and who uses it."""
        name = raw["Name"]
        users = [one for one in self.containers if any(mount.name == name for mount in one.mounts)]
        return {
            "name_in_files": (raw.get("Labels") or {}).get(VOLUME, ""),
            "path": raw.get("Mountpoint", ""),
            "driver": raw.get("Driver", ""),
            "anonymous": any(mount.anonymous for one in users for mount in one.mounts if mount.name == name),
            "services": sorted({one.service for one in users}),
            **raw.get("holds", {}),
        }

    @staticmethod
    def _network(raw: Mapping[str, Any]) -> dict[str, Any]:
        pools = (raw.get("IPAM") or {}).get("Config") or []
        subnets = [pool.get("Subnet", "") for pool in pools]
        return {"driver": raw.get("Driver", ""), "internal": bool(raw.get("Internal")), "subnets": subnets}


def _origin(name: str, value: str, wanted: Mapping[str, str | None], image: Mapping[str, str]) -> str:
    if name in wanted:
        return "files"
    return "image" if image.get(name) == value else "container"
