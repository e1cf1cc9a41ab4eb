# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that a host knows of a Compose project, in one bundle: files, containers, volumes, layers, mounted secrets.

The bundle holds secrets. It goes into a 0600 file and is fetched over the connection, never into a module's result.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from ..migration.journal import Journal
from .containers import DIRECTORY, FILES, PROJECT, Container
from .engine import DockerError, Engine
from .writers import kept

LARGEST_FILE = 1 << 20
"""Bytes of a Compose file, an environment file or a mounted secret; what is larger is none."""
MOST_CHANGES = 2000
MOST_FILES = 100_000
PASSING = (
    "/run", "/run/*", "/var/run", "/var/run/*", "/tmp", "/tmp/*", "/var/tmp", "/var/tmp/*", "/var/cache/*", "/var/log/*", "/dev/*",
    "/proc/*", "/sys/*", "*/__pycache__", "*/__pycache__/*", "*.pyc", "*/.cache", "*/.cache/*", "/etc/hosts", "/etc/hostname",
    "/etc/resolv.conf", "/etc/mtab", "*/docker-init", "*/.bash_history", "*/.python_history", "*/.psql_history", "/var/lib/apt/*", "/var/lib/dpkg/*",
)  # fmt: skip
"""What programs leave behind in a container's layer and nobody misses."""
STANDARD = ("docker-compose.yml", "docker-compose.yaml", "compose.yaml", "compose.yml")


def bundle(
    engine: Engine, project: str, directory: str = "", files: Sequence[str] = (), also: Sequence[str] = ()
) -> dict[str, Any]:
    """All of it. ``files`` are relative to ``directory``, both found by the containers' labels where they are not given;
    ``also`` are further files of the project's to read. Raises :class:`DockerError` where there is no such project."""
    containers = engine.containers(project)
    if not containers and not directory:
        known = engine.projects()
        there = f"the projects here are {', '.join(known)}" if known else "no Compose project has a container here"
        raise DockerError(
            f"No container of the Compose project {project} is on this host ({there}). Check cryptobot_compose.project."
        )
    root, paths = locate(containers, directory, files)
    was = kept(Journal().lines(), project)
    volumes = sorted(
        {mount.name for one in containers for mount in one.mounts if mount.name}
        | set(_labelled(engine, "volume", project))
    )
    images = sorted({str(one.raw["Image"]) for one in containers})
    found = {
        "project": project,
        "engine": engine.version(),
        "directory": root,
        "files": {path: text(path) for path in paths},
        "dotenv": text(f"{root}/.env") if root else None,
        "also": {path: text(os.path.join(root, path)) for path in also},
        "containers": [one.raw for one in containers],
        "volumes": [{**raw, "holds": amount(raw)} for raw in engine.inspect("volume", volumes)],
        "networks": engine.inspect("network", _labelled(engine, "network", project)),
        "images": {raw["Id"]: _image(raw) for raw in engine.inspect("image", images)},
        "identities": {one.id: was[one.id].identity if one.id in was else one.identity for one in containers},
        "kept": {one.id: {"policy": one.policy, "running": one.running} for one in was.values()},
        "plugin": _compose_version(engine),
    }
    with ThreadPoolExecutor(4) as pool:
        layers = pool.map(lambda one: layer(engine, one), containers)
        secrets = pool.map(lambda one: secret_files(engine, one), containers)
        found["layers"] = {one.id: changes for one, changes in zip(containers, layers, strict=True)}
        found["secret_files"] = {one.id: held for one, held in zip(containers, secrets, strict=True)}
    return found


def locate(containers: Iterable[Container], directory: str, files: Sequence[str]) -> tuple[str, list[str]]:
    """The project's directory and the paths of its files, as far as it can be told."""
    labels = [one.labels for one in containers if one.labels.get(DIRECTORY)]
    root = directory or (labels[0][DIRECTORY] if labels else "")
    named = list(files) or [
        one for one in (labels[0].get(FILES, "") if labels and not directory else "").split(",") if one
    ]
    if not named and root:
        named = next(([name] for name in STANDARD if Path(root, name).exists()), [STANDARD[0]])
        named += [
            name for name in ("docker-compose.override.yml", "compose.override.yaml") if Path(root, name).exists()
        ]
    return root, [os.path.normpath(os.path.join(root, name)) for name in named]


def text(path: str) -> str | None:
    """A file's text; None where there is none, or one that is too large to be what is looked for."""
    with contextlib.suppress(OSError), open(path, "rb") as file:
        content = file.read(LARGEST_FILE + 1)
        return None if len(content) > LARGEST_FILE else content.decode(errors="replace")
    return None


def amount(volume: Mapping[str, Any]) -> dict[str, int]:
    """Files and bytes below a volume; at most as many files as :data:`MOST_FILES` are counted."""
    files = size = 0
    for where, __, names in os.walk(volume.get("Mountpoint") or "/nonexistent"):
        for name in names:
            with contextlib.suppress(OSError):
                size += os.lstat(os.path.join(where, name)).st_size
            files += 1
            if files >= MOST_FILES:
                return {"files": files, "bytes": size}
    return {"files": files, "bytes": size}


def layer(engine: Engine, container: Container) -> list[tuple[str, str]]:
    """What was added, changed or deleted in a container's own layer, but for what passes, mount points, and mere parents."""
    targets = {mount.target for mount in container.mounts}
    upper = overlay(container)
    changes = engine.changed_files(container.id) if upper is None else upper
    parents = {parent for path in [*(path for __, path in changes), *targets] for parent in _parents(path)}
    return [
        (kind, path)
        for kind, path in changes
        if (kind == "D" or path not in parents | targets) and not any(fnmatch(path, pattern) for pattern in PASSING)
    ][:MOST_CHANGES]


def overlay(container: Container) -> list[tuple[str, str]] | None:
    """The same as `docker diff` from the overlay's own directory, which `docker diff` takes seconds to compare with the
    image; None where the storage driver is another one."""
    driver = container.raw.get("GraphDriver") or {}
    data = driver.get("Data") or {}
    upper = data.get("UpperDir", "")
    if driver.get("Name") != "overlay2" or not os.path.isdir(upper):
        return None
    lowers = data.get("LowerDir", "").split(":")
    found = []
    for where, directories, files in os.walk(upper):
        for name in (*directories, *files):
            path = os.path.join(where, name)
            inside = path[len(upper) :]
            below = any(os.path.lexists(lower + inside) for lower in lowers)
            found.append(("D" if _whiteout(path) else "C" if below else "A", inside))
    return found


def _whiteout(path: str) -> bool:
    """How an overlay marks what was deleted."""
    status = os.lstat(path)
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def _parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:end]) for end in range(2, len(parts))]


def secret_files(engine: Engine, container: Container) -> dict[str, str]:
    """By their paths in the container, in Base64: files below /run/secrets and those that a `…_FILE` variable names."""
    wanted = {mount.target for mount in container.mounts if mount.target.startswith("/run/secrets/")}
    wanted |= {
        value for name, value in container.environment.items() if name.endswith("_FILE") and value.startswith("/")
    }
    held = {}
    for path in sorted(wanted):
        with contextlib.suppress(DockerError, OSError):
            content = engine.read_file(container, path)
            if len(content) <= LARGEST_FILE:
                held[path] = base64.b64encode(content).decode()
    return held


def _labelled(engine: Engine, kind: str, project: str) -> list[str]:
    return engine.client(kind, "ls", "--quiet", "--filter", f"label={PROJECT}={project}").split()


def _image(raw: Mapping[str, Any]) -> dict[str, Any]:
    config = raw.get("Config") or {}
    return {
        "env": config.get("Env") or [],
        "exposed": sorted(config.get("ExposedPorts") or {}),
        "tags": raw.get("RepoTags") or [],
    }


def image_environment(engine: Engine, container: Container) -> dict[str, str]:
    """The variables that a container's image brings."""
    entries = [entry for raw in engine.inspect("image", [str(container.raw["Image"])]) for entry in _image(raw)["env"]]
    return {name: value for name, __, value in (entry.partition("=") for entry in entries)}


def _compose_version(engine: Engine) -> str:
    """Of the plug-in v2; empty where there is none."""
    with contextlib.suppress(DockerError):
        return engine.client("compose", "version", "--short").strip()
    return ""


def write(content: Mapping[str, Any], path: str) -> None:
    """Leaves it as a new 0600 file that belongs to the owner of its directory, who fetches it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        owner = os.stat(os.path.dirname(path))
        os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
        json.dump(content, file)


__all__ = ["bundle", "image_environment", "layer", "locate", "secret_files", "write"]
