# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container as `docker inspect` shows it, found by Compose's labels, which v1 and v2 write alike while their names differ."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

PROJECT = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"
NUMBER = "com.docker.compose.container-number"
ONEOFF = "com.docker.compose.oneoff"
VOLUME = "com.docker.compose.volume"
NETWORK = "com.docker.compose.network"
DIRECTORY = "com.docker.compose.project.working_dir"
FILES = "com.docker.compose.project.config_files"
VERSION = "com.docker.compose.version"
NEVER = "0001-01-01T00:00:00Z"


@dataclass(frozen=True)
class Published:
    """A port of a container on the host: ``address`` and ``host_port`` as they were asked for; 0 is one that Docker chose."""

    address: str
    host_port: int
    container_port: int
    protocol: str = "tcp"


@dataclass(frozen=True)
class Mount:
    """What lies at ``target`` in a container. ``kind`` is volume, bind, tmpfs; ``source`` its path on the host; ``name`` a volume's."""

    kind: str
    target: str
    source: str = ""
    name: str = ""
    writable: bool = True

    @property
    def anonymous(self) -> bool:
        """Docker names a volume that nobody named by 64 hexadecimal digits."""
        return self.kind == "volume" and len(self.name) == 64 and not set(self.name) - set("0123456789abcdef")


@dataclass(frozen=True)
class Container:
    """One container; ``raw`` is what `docker inspect` gave."""

    raw: Mapping[str, Any]

    @property
    def id(self) -> str:
        return str(self.raw["Id"])

    @property
    def name(self) -> str:
        return str(self.raw["Name"]).lstrip("/")

    @property
    def labels(self) -> Mapping[str, str]:
        return self.raw["Config"].get("Labels") or {}

    @property
    def project(self) -> str:
        return self.labels.get(PROJECT, "")

    @property
    def service(self) -> str:
        return self.labels.get(SERVICE, "")

    @property
    def number(self) -> int:
        text = self.labels.get(NUMBER, "")
        return int(text) if text.isdigit() else 1

    @property
    def oneoff(self) -> bool:
        """Made by `docker compose run`: no part of the service."""
        return self.labels.get(ONEOFF, "").lower() == "true"

    @property
    def compose_version(self) -> str:
        return self.labels.get(VERSION, "")

    @property
    def image(self) -> str:
        return str(self.raw["Config"].get("Image", ""))

    @property
    def state(self) -> str:
        return str(self.raw["State"].get("Status", ""))

    @property
    def running(self) -> bool:
        return bool(self.raw["State"].get("Running"))

    @property
    def started(self) -> str:
        """When it began to run last, in the engine's words; :data:`NEVER` where it never did."""
        return str(self.raw["State"].get("StartedAt") or NEVER)

    @property
    def health(self) -> str:
        """healthy, unhealthy or starting; empty for a container without a health check."""
        return str((self.raw["State"].get("Health") or {}).get("Status", ""))

    @property
    def pid(self) -> int:
        """Of its first process, as the host counts; 0 while it does not run."""
        return int(self.raw["State"].get("Pid") or 0)

    @property
    def identity(self) -> dict[str, int | None]:
        """As whom its first process runs, by number; None while it does not run."""
        ids: dict[str, int | None] = {"uid": None, "gid": None}
        with contextlib.suppress(OSError, ValueError, IndexError):
            for line in Path(f"/proc/{self.pid or 'none'}/status").read_text(encoding="utf-8").splitlines():
                if line.startswith(("Uid:", "Gid:")):
                    ids[line[:3].lower()] = int(line.split()[2])
        return ids

    @property
    def restart_policy(self) -> str:
        """As `docker update --restart` takes it: no, always, unless-stopped, on-failure, on-failure:3."""
        policy = self.raw["HostConfig"].get("RestartPolicy") or {}
        name, count = policy.get("Name") or "no", policy.get("MaximumRetryCount") or 0
        return f"{name}:{count}" if name == "on-failure" and count else str(name)

    @property
    def stop_timeout(self) -> int:
        """Seconds that it may take to stop; Docker's default is 10."""
        value = self.raw["Config"].get("StopTimeout")
        return 10 if value is None else int(value)

    @cached_property
    def environment(self) -> Mapping[str, str]:
        """What its first process was given. Holds secrets: never to be shown."""
        pairs = (entry.partition("=") for entry in self.raw["Config"].get("Env") or [])
        return {name: value for name, __, value in pairs}

    @property
    def command(self) -> list[str]:
        """Entry point and command. May hold secrets."""
        config = self.raw["Config"]
        return [str(word) for word in [*(config.get("Entrypoint") or []), *(config.get("Cmd") or [])]]

    @property
    def network_mode(self) -> str:
        return str(self.raw["HostConfig"].get("NetworkMode") or "default")

    @property
    def networks(self) -> Mapping[str, Mapping[str, Any]]:
        return self.raw["NetworkSettings"].get("Networks") or {}

    @property
    def addresses(self) -> dict[str, str]:
        """Its IPv4 addresses by network; none while it does not run."""
        return {name: spec["IPAddress"] for name, spec in sorted(self.networks.items()) if spec.get("IPAddress")}

    @cached_property
    def published(self) -> list[Published]:
        """From what was asked for, so that stopped containers show theirs too."""
        return [replace(one, address=one.address or "0.0.0.0") for one in self.bindings]

    @cached_property
    def bindings(self) -> list[Published]:
        """The same with an empty address where none was given: Docker then takes all addresses of both families."""
        found = []
        for port, bindings in sorted((self.raw["HostConfig"].get("PortBindings") or {}).items()):
            number, __, protocol = port.partition("/")
            for binding in bindings or []:
                host_port = str(binding.get("HostPort") or "0").partition("-")[0]
                found.append(Published(binding.get("HostIp") or "", int(host_port), int(number), protocol or "tcp"))
        return found

    @cached_property
    def mounts(self) -> list[Mount]:
        found = [
            Mount(
                one.get("Type", ""), one["Destination"], one.get("Source", ""), one.get("Name", ""), one.get("RW", True)
            )
            for one in self.raw.get("Mounts") or []
        ]
        found += [Mount("tmpfs", target) for target in self.raw["HostConfig"].get("Tmpfs") or {}]
        return sorted(found, key=lambda mount: mount.target)

    def host_path(self, path: str) -> str:
        """Where a file of the container lies on the host; empty where no mount holds it."""
        for mount in sorted(self.mounts, key=lambda mount: len(mount.target), reverse=True):
            inside = path.removeprefix(mount.target.rstrip("/"))
            if mount.source and path.startswith(mount.target.rstrip("/")) and (not inside or inside.startswith("/")):
                return mount.source + inside
        return ""
