# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which releases the resolved catalogue and a source tree ask for, and of which artefacts they are made.

A release is known by its content: its id is a digest over everything that went into it. So the same source gives the
same id on every controller, and a changed line in a shared package gives a new release of each service that uses it.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import ReleaseError
from .lock import read_lock
from .source import digest_of, file_digest, tree_digest

FORMAT = "1"
"""Part of every digest. A change in how releases are laid out or artefacts are built gets a new one."""
ID_LENGTH = 12


@dataclass(frozen=True, order=True)
class Platform:
    """What a compiled program depends on: distribution, its version (its libc grows with it), architecture."""

    distribution: str
    version: int
    architecture: str

    @classmethod
    def parse(cls, text: str) -> Platform:
        """Read what :meth:`__str__` writes, for example ``debian12-x86_64``."""
        match = re.fullmatch(r"([a-z]+)(\d+)-(\w+)", text)
        if match is None:
            raise ReleaseError(f"{text!r} is no platform; one looks like debian12-x86_64.")
        return cls(match[1], int(match[2]), match[3])

    def __str__(self) -> str:
        return f"{self.distribution}{self.version}-{self.architecture}"

    def runs(self, built_on: Platform) -> bool:
        """Whether a program built there runs here: on the same distribution, not on an older one."""
        return (self.distribution, self.architecture) == (
            built_on.distribution,
            built_on.architecture,
        ) and built_on.version <= self.version


@dataclass(frozen=True)
class Artefact:
    """Something that is built or taken once, and shipped to every host that needs it.

    ``kind``: wheel | cargo | npm are built on a build host; files | download are taken by the controller.
    ``directory`` is relative to the application's root.
    """

    kind: str
    label: str
    digest: str
    directory: str
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name that tells it from all others, but for the platform."""
        return f"{self.kind}-{self.label}-{self.digest[:ID_LENGTH]}"

    @property
    def portable(self) -> bool:
        """Whether it is the same on every platform."""
        return self.kind != "cargo"

    @property
    def built(self) -> bool:
        """Whether it needs a build host."""
        return self.kind in ("wheel", "cargo", "npm")

    def key(self, platform: Platform) -> str:
        """The name it is stored under when it was made on a platform."""
        return self.name if self.portable else f"{self.name}-{platform}"


@dataclass(frozen=True)
class Release:
    """One version of one service."""

    service: str
    runtime: str
    digest: str
    version: str | None
    directory: str
    artefacts: tuple[Artefact, ...]
    lock: str | None = None
    interpreter: str | None = None
    files: tuple[str, ...] = ()

    def spec(self) -> dict[str, Any]:
        """What a host must know of it."""
        return {
            "service": self.service,
            "runtime": self.runtime,
            "id": self.digest[:ID_LENGTH],
            "digest": self.digest,
            "version": self.version,
            "lock": self.lock,
            "interpreter": self.interpreter,
            "artefacts": [{"name": artefact.name, "kind": artefact.kind} for artefact in self.artefacts],
        }


def plan_releases(services: Mapping[str, Mapping[str, Any]], root: Path) -> list[Release]:
    """The releases of the services of a resolved catalogue, from the source below ``root``.

    Raises one :class:`ReleaseError` that holds every finding.
    """
    if not root.is_dir():
        raise ReleaseError(
            f"There is no source directory {root}. Set cryptobot_source, for example {{path: /srv/application}}."
        )
    planner = _Planner(root)
    releases, findings = [], []
    for name, service in sorted(services.items()):
        try:
            releases.append(planner.release(name, service))
        except ReleaseError as error:
            findings.append(str(error))
    if findings:
        raise ReleaseError("\n".join(dict.fromkeys(findings)))
    return releases


def distinct(releases: list[Release]) -> Iterator[Artefact]:
    """Every artefact of some releases once: services share packages."""
    seen = set()
    for release in releases:
        for artefact in release.artefacts:
            if artefact.name not in seen:
                seen.add(artefact.name)
                yield artefact


class _Planner:
    """Plans one source tree; shared packages are read once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._packages: dict[str, Artefact] = {}

    def release(self, name: str, service: Mapping[str, Any]) -> Release:
        runtime, directory = service["runtime"], service.get("source") or "."
        self._directory(name, directory, "source")
        return getattr(self, f"_{runtime}")(name, directory, service)

    def _directory(self, name: str, directory: str, key: str) -> Path:
        path = self._root / directory
        if not path.resolve().is_relative_to(self._root.resolve()):
            raise ReleaseError(
                f"services.{name}.{key}: {directory} lies outside the application's source. Name a directory in it."
            )
        if not path.is_dir():
            raise ReleaseError(f"services.{name}.{key}: there is no directory {directory} in {self._root}.")
        return path

    def _file(self, name: str, directory: str, file: str, why: str) -> Path:
        path = self._root / directory / file
        if not path.is_file():
            raise ReleaseError(f"{name}: there is no {directory}/{file} in {self._root}. {why}")
        return path

    def _python(self, name: str, directory: str, service: Mapping[str, Any]) -> Release:
        python = service.get("python") or {}
        lock, interpreter = python.get("requirements") or "requirements.lock", python.get("interpreter") or "python3"
        read_lock(self._root / directory / lock, name)
        packages = tuple(self._package(name, package) for package in python.get("packages") or [])
        source = tree_digest(self._root / directory)
        digest = digest_of(
            FORMAT, name, source, file_digest(self._root / directory / lock), interpreter, *(a.digest for a in packages)
        )
        version = next((p.settings["version"] for p in packages if p.directory == directory), None) or _project(
            self._root / directory
        ).get("version")
        return Release(name, "python", digest, version, directory, packages, lock=lock, interpreter=interpreter)

    def _package(self, name: str, directory: str) -> Artefact:
        if directory not in self._packages:
            path = self._directory(name, directory, "python.packages")
            self._file(
                name,
                directory,
                "pyproject.toml",
                "A package of the application needs one, so that a wheel can be built from it.",
            )
            project = _project(path)
            label = re.sub(r"[^a-z0-9]+", "-", str(project.get("name", path.name)).lower())
            settings = {"version": str(project.get("version", "0"))}
            self._packages[directory] = Artefact(
                "wheel", label, digest_of(FORMAT, tree_digest(path)), directory, settings
            )
        return self._packages[directory]

    def _binary(self, name: str, directory: str, service: Mapping[str, Any]) -> Release:
        build = service.get("build") or {}
        binary, files = build.get("binary") or name, tuple(build.get("files") or ())
        for file in files:
            if not (self._root / directory / file).exists():
                raise ReleaseError(f"services.{name}.build.files: there is no {directory}/{file} in {self._root}.")
        version = None
        if build.get("url"):
            artefact = self._download(name, build, binary)
        else:
            self._file(
                name,
                directory,
                "Cargo.lock",
                "A build must be repeatable: make it with cargo generate-lockfile and commit it.",
            )
            manifest = tomllib.loads(self._file(name, directory, "Cargo.toml", "Is this a Cargo project?").read_text())
            version = manifest.get("package", {}).get("version")
            digest = digest_of(FORMAT, tree_digest(self._root / directory), binary)
            lto = "" if manifest.get("profile", {}).get("release", {}).get("lto") is not None else "true"
            artefact = Artefact("cargo", name, digest, directory, {"binary": binary, "lto": lto})
        digest = digest_of(
            FORMAT, name, artefact.digest, json.dumps(files), *(self._digest(directory, file) for file in files)
        )
        return Release(name, "binary", digest, version, directory, (artefact,), files=files)

    def _digest(self, directory: str, file: str) -> str:
        path = self._root / directory / file
        return tree_digest(path) if path.is_dir() else file_digest(path)

    def _download(self, name: str, build: Mapping[str, Any], binary: str) -> Artefact:
        algorithm, __, checksum = str(build.get("checksum") or "").partition(":")
        if algorithm != "sha256" or not re.fullmatch(r"[0-9a-f]{64}", checksum):
            raise ReleaseError(
                f"services.{name}.build.checksum: a prebuilt binary needs its checksum, for example sha256:{'0' * 64}."
            )
        return Artefact("download", name, checksum, ".", {"binary": binary, "url": str(build["url"])})

    def _static(self, name: str, directory: str, service: Mapping[str, Any]) -> Release:
        build = service.get("build") or {}
        output = build.get("output") or "dist"
        version = None
        if build.get("kind", "npm") == "npm":
            self._file(
                name,
                directory,
                "package-lock.json",
                "A build must be repeatable: make it with npm install and commit it.",
            )
            manifest = json.loads(self._file(name, directory, "package.json", "Is this an npm project?").read_text())
            version = manifest.get("version")
            artefact = Artefact(
                "npm",
                name,
                digest_of(FORMAT, tree_digest(self._root / directory), output),
                directory,
                {"output": output},
            )
        else:
            path = self._directory(name, f"{directory}/{output}", "build.output")
            artefact = Artefact("files", name, digest_of(FORMAT, tree_digest(path)), f"{directory}/{output}")
        return Release(name, "static", digest_of(FORMAT, name, artefact.digest), version, directory, (artefact,))


def _project(directory: Path) -> dict[str, Any]:
    """The ``project`` table of a pyproject.toml, empty where there is none."""
    try:
        return tomllib.loads((directory / "pyproject.toml").read_text()).get("project", {})
    except FileNotFoundError:
        return {}
    except tomllib.TOMLDecodeError as error:
        raise ReleaseError(f"{directory / 'pyproject.toml'} cannot be read: {error}.") from None
