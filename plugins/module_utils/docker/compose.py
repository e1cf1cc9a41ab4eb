# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Compose project as its files describe it: several files merged, short and long forms made one.

Source: the Compose specification. What this does not understand is named in `unread`, never dropped silently.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

# Keys that are read here, and those that have no meaning for a migration.
READ = {
    "build",
    "command",
    "configs",
    "container_name",
    "depends_on",
    "entrypoint",
    "env_file",
    "environment",
    "expose",
    "extends",
    "healthcheck",
    "image",
    "network_mode",
    "networks",
    "ports",
    "profiles",
    "restart",
    "secrets",
    "stop_grace_period",
    "volumes",
}
WITHOUT_MEANING = {
    "attach", "annotations", "labels", "logging", "platform", "pull_policy", "init", "tty", "stdin_open", "extra_hosts", "links",
    "stop_signal", "hostname", "deploy", "develop", "scale", "user", "working_dir",
}  # fmt: skip
TOP = {"services", "volumes", "networks", "secrets", "configs", "version", "name", "include"}


@dataclass(frozen=True)
class PortSpec:
    """A published port; ``host`` is 0 where Docker chooses."""

    container: int
    host: int = 0
    address: str = "0.0.0.0"
    protocol: str = "tcp"


@dataclass(frozen=True)
class VolumeSpec:
    """``kind`` volume, bind or tmpfs; an anonymous volume has no ``source``."""

    target: str
    source: str = ""
    kind: str = "volume"
    readonly: bool = False


@dataclass
class ServiceSpec:
    """One service of the files. ``environment`` holds values, and None for what comes from the shell."""

    name: str
    image: str = ""
    command: list[str] | None = None
    environment: dict[str, str | None] = field(default_factory=dict)
    env_files: list[str] = field(default_factory=list)
    ports: list[PortSpec] = field(default_factory=list)
    expose: list[int] = field(default_factory=list)
    volumes: list[VolumeSpec] = field(default_factory=list)
    depends_on: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    """By target in the container, the name in the files; configs too."""
    networks: list[str] = field(default_factory=list)
    network_mode: str = ""
    profiles: list[str] = field(default_factory=list)
    restart: str = "no"
    built: bool = False
    healthcheck: bool = False
    unread: list[str] = field(default_factory=list)


@dataclass
class ComposeModel:
    """``faults`` are pairs of a path in the files and what is wrong there."""

    services: dict[str, ServiceSpec] = field(default_factory=dict)
    volumes: dict[str, str] = field(default_factory=dict)
    """By the name in the files the engine's, where the files say one (`external`, `name`); else empty."""
    secrets: dict[str, str] = field(default_factory=dict)
    """Of secrets and configs: the file that holds one, as written; empty where none does."""
    unread: list[str] = field(default_factory=list)
    faults: list[tuple[str, str]] = field(default_factory=list)


def merge(documents: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Several interpolated files as one document: mappings merge, lists of ports and the like join, the rest is replaced."""
    whole: dict[str, Any] = {}
    for document in documents:
        for section, content in document.items():
            if isinstance(content, Mapping) and isinstance(whole.get(section), Mapping):
                into = whole[section] = dict(whole[section])
                for name, one in content.items():
                    into[name] = _merged(into.get(name), one)
            else:
                whole[section] = content
    return whole


def _merged(old: Any, new: Any) -> Any:
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        return new if new is not None or old is None else old
    both = dict(old)
    for key, value in new.items():
        there = both.get(key)
        if key in ("environment", "labels", "depends_on", "networks") and there is not None and value is not None:
            both[key] = {**_pairs(there), **_pairs(value)}
        elif key == "volumes" and isinstance(there, list) and isinstance(value, list):
            targets = {volume(one).target for one in value}
            both[key] = [one for one in there if volume(one).target not in targets] + value
        elif isinstance(there, list) and isinstance(value, list) and key not in ("command", "entrypoint"):
            both[key] = there + [one for one in value if one not in there]
        elif isinstance(there, Mapping) and isinstance(value, Mapping):
            both[key] = {**there, **value}
        else:
            both[key] = value
    return both


def _pairs(value: Any) -> dict[str, Any]:
    """`[A=1, B]` and `{A: 1}` as one form."""
    if isinstance(value, Mapping):
        return {str(key): one for key, one in value.items()}
    found: dict[str, Any] = {}
    for entry in value or []:
        name, sign, text = str(entry).partition("=")
        found[name] = text if sign else None
    return found


def read(document: Mapping[str, Any]) -> ComposeModel:
    """The model of a merged, interpolated document."""
    model = ComposeModel(unread=sorted(key for key in document if key not in TOP and not str(key).startswith("x-")))
    if document.get("include"):
        model.unread.append("include")
    services = document.get("services")
    if not isinstance(services, Mapping):
        model.faults.append(
            ("services", "is missing or is no mapping; files of Compose v1's first format are not read")
        )
        services = {}
    for name, spec in services.items():
        try:
            model.services[str(name)] = _service(str(name), _extended(spec or {}, services))
        except (TypeError, ValueError, AttributeError, KeyError) as error:
            model.faults.append((f"services.{name}", f"cannot be read: {_reason(error)}"))
    for name, spec in (document.get("volumes") or {}).items():
        model.volumes[str(name)] = _external(str(name), spec or {})
    for section in ("secrets", "configs"):
        for name, spec in (document.get(section) or {}).items():
            model.secrets[str(name)] = str((spec or {}).get("file") or "")
    return model


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, ValueError) else "a value has a shape that Compose does not know"


def _external(name: str, spec: Mapping[str, Any]) -> str:
    external = spec.get("external")
    if isinstance(external, Mapping) and external.get("name"):
        return str(external["name"])
    return str(spec.get("name") or (name if external else ""))


def _extended(spec: Mapping[str, Any], services: Mapping[str, Any], depth: int = 0) -> Mapping[str, Any]:
    """With what it `extends` in the same file; another file's stays unread."""
    extends = spec.get("extends")
    name = extends.get("service") if isinstance(extends, Mapping) else extends
    if not name or depth > 10 or (isinstance(extends, Mapping) and extends.get("file")) or name not in services:
        return spec
    own = {key: value for key, value in spec.items() if key != "extends"}
    return _merged(_extended(services[name] or {}, services, depth + 1), own)


def _service(name: str, spec: Mapping[str, Any]) -> ServiceSpec:
    files = spec.get("env_file") or []
    files = [files] if isinstance(files, str | Mapping) else files
    depends = spec.get("depends_on") or {}
    wanted = {one: {} for one in depends} if isinstance(depends, list) else depends
    networks = spec.get("networks") or []
    return ServiceSpec(
        name,
        image=str(spec.get("image") or ""),
        command=words(spec.get("command")),
        environment={key: scalar(value) for key, value in _pairs(spec.get("environment")).items()},
        env_files=[str(one["path"] if isinstance(one, Mapping) else one) for one in files],
        ports=[one for entry in spec.get("ports") or [] for one in ports(entry)],
        expose=[int(str(one).partition("/")[0]) for one in spec.get("expose") or [] if "-" not in str(one)],
        volumes=[volume(one) for one in spec.get("volumes") or []],
        depends_on={str(one): str((how or {}).get("condition", "service_started")) for one, how in wanted.items()},
        secrets=_secrets(spec),
        networks=[str(one) for one in networks],
        network_mode=str(spec.get("network_mode") or ""),
        profiles=[str(one) for one in spec.get("profiles") or []],
        restart=str(spec.get("restart") or "no") if spec.get("restart") is not False else "no",
        built=bool(spec.get("build")),
        healthcheck=bool(spec.get("healthcheck")),
        unread=sorted(_unread(spec)),
    )


def _unread(spec: Mapping[str, Any]) -> Iterable[str]:
    for key in spec:
        if key not in READ | WITHOUT_MEANING and not str(key).startswith("x-"):
            yield str(key)
    if spec.get("extends"):
        yield "extends"


def scalar(value: Any) -> str | None:
    """A value of `environment` as the container gets it."""
    if value is None:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


def words(value: Any) -> list[str] | None:
    """`command` in either form."""
    if value is None:
        return None
    return shlex.split(value) if isinstance(value, str) else [str(one) for one in value]


def ports(entry: Any) -> list[PortSpec]:
    """One entry of `ports`, which may be a range: `8000`, `80:8000`, `127.0.0.1:80:8000/udp`, `8000-8001:9000-9001`, long form."""
    if isinstance(entry, Mapping):
        address = str(entry.get("host_ip") or "0.0.0.0")
        text = f"{entry.get('published') or ''}:{entry['target']}/{entry.get('protocol') or 'tcp'}"
        return [PortSpec(one.container, one.host, address, one.protocol) for one in ports(text.removeprefix(":"))]
    text, __, protocol = str(entry).partition("/")
    rest, __, container = text.rpartition(":")
    address, __, host = rest.rpartition(":")
    inside, outside = _range(container), _range(host) if host else []
    if outside and len(outside) != len(inside):
        # A range of the host for one port: Docker takes a free one.
        outside = []
    address = address.strip("[]") or "0.0.0.0"
    return [
        PortSpec(port, outside[index] if outside else 0, address, protocol or "tcp")
        for index, port in enumerate(inside)
    ]


def _range(text: str) -> list[int]:
    first, __, last = text.strip().partition("-")
    if not first.isdigit() or (last and not last.isdigit()):
        raise ValueError(f"{text!r} is no port")
    return list(range(int(first), int(last or first) + 1))


def volume(entry: Any) -> VolumeSpec:
    """One entry of `volumes` in either form."""
    if isinstance(entry, Mapping):
        kind = str(entry.get("type") or "volume")
        return VolumeSpec(str(entry["target"]), str(entry.get("source") or ""), kind, bool(entry.get("read_only")))
    parts = str(entry).split(":")
    source, target = ("", parts[0]) if len(parts) == 1 else (parts[0], parts[1])
    options = parts[2].split(",") if len(parts) > 2 else []
    kind = "bind" if source.startswith((".", "/", "~")) else "volume"
    return VolumeSpec(target.rstrip("/") or "/", source, kind, "ro" in options)


def _secrets(spec: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    for section, directory in (("secrets", "/run/secrets/"), ("configs", "/")):
        for entry in spec.get(section) or []:
            name = str(entry["source"] if isinstance(entry, Mapping) else entry)
            target = str((entry.get("target") if isinstance(entry, Mapping) else "") or name)
            found[target if target.startswith("/") else directory + target] = name
    return found
