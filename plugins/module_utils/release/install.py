# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Installing releases on a host, side by side with what is live, many in one go."""

from __future__ import annotations

import datetime
import os
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..changes import Change
from .environment import Interpreter, compile_shared, make_with_pip, make_with_uv, require_interpreter, requirements_of
from .errors import ReleaseError, explain
from .layout import ROOT, ServiceReleases, flush
from .process import extract
from .schema import Scripts
from .source import file_digest
from .tools import UV, ensure, wanting

Record = Callable[[str, str, Any, Any], None]


@dataclass(frozen=True)
class Options:
    """How environments are made. ``environment`` is that of the tools: indexes, certificates."""

    installer: str = "uv"
    uv: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    workers: int = 0


@dataclass(frozen=True)
class Wanted:
    """A release that this host should have, its id completed by what only the host knows."""

    spec: Mapping[str, Any]
    id: str
    interpreter: Interpreter | None

    @property
    def service(self) -> str:
        """The service's name."""
        return self.spec["service"]


def wanted_releases(specs: Sequence[Mapping[str, Any]]) -> list[Wanted]:
    """Complete the specifications of releases with this host's interpreters.

    An environment is bound to its interpreter's minor version, so that is part of a Python release's id: after an upgrade
    of the system a new release is made beside the one that no longer works.
    Raises one :class:`ReleaseError` with every missing interpreter.
    """
    interpreters: dict[str, Interpreter] = {}
    wanted, findings = [], []
    for spec in specs:
        name, interpreter = spec.get("interpreter"), None
        if name:
            try:
                interpreter = interpreters.get(name) or require_interpreter(name, spec["service"])
                interpreters[name] = interpreter
            except ReleaseError as error:
                findings.append(str(error))
                continue
        wanted.append(Wanted(spec, f"{spec['id']}-{interpreter.abi}" if interpreter else spec["id"], interpreter))
    if findings:
        raise ReleaseError("\n".join(findings))
    return wanted


class Installer:
    """Installs releases below a root; every change is recorded."""

    def __init__(self, options: Options, record: Record, root: Path = ROOT) -> None:
        self._options = options
        self._record = record
        self._root = root

    def missing(self, wanted: Iterable[Wanted]) -> list[Wanted]:
        """Those that are not completely installed, or whose interpreter is not where it was."""
        return [release for release in wanted if not self._complete(release)]

    def _complete(self, release: Wanted) -> bool:
        releases = ServiceReleases(release.service, self._root)
        note = releases.note(release.id)
        if note is None or release.interpreter is None:
            return note is not None
        return (
            note.get("python", {}).get("interpreter") == release.interpreter.path
            and (releases.path(release.id) / "venv/bin/python").exists()
        )

    def changes(self, missing: Sequence[Wanted]) -> list[Change]:
        """What installing them makes."""
        found = [
            Change("release", str(self._path(release)), None, release.id, unknown="its files come out of builds and locked packages")
            for release in missing
        ]
        if self._own_uv and any(release.interpreter for release in missing):
            found += wanting([UV])
        return found

    def install(self, wanted: Sequence[Wanted], bundle: Path, checksums: Mapping[str, str]) -> dict[str, float]:
        """Install releases from an unpacked bundle, and return how many seconds each took.

        What could be installed is complete afterwards even if another failed; then all failures are raised as one.
        """
        self._verify(wanted, bundle, checksums)
        uv = self._uv() if any(release.interpreter for release in wanted) else None
        before = list(self._root.glob("*/releases/*/venv"))
        # The largest lock goes first and alone: the others then find nearly everything in the cache.
        ordered = sorted(wanted, key=lambda release: self._size(release, bundle), reverse=True)
        seconds: dict[str, float] = {}
        failures: dict[str, ReleaseError] = {}

        def one(release: Wanted) -> None:
            begun = time.monotonic()
            try:
                self._fill(release, bundle, uv)
            except ReleaseError as error:
                failures[release.service] = error
            except OSError as error:
                failures[release.service] = explain(error, f"{release.service}: installing release {release.id}")
            if release.service in failures:
                shutil.rmtree(self._path(release), ignore_errors=True)
            seconds[release.service] = round(time.monotonic() - begun, 2)

        for release in ordered[:1]:
            one(release)
        with ThreadPoolExecutor(self._options.workers or os.cpu_count() or 1) as pool:
            list(pool.map(one, ordered[1:]))
        done = [release for release in ordered if release.service not in failures]
        begun = time.monotonic()
        venvs = {self._path(release) / "venv": release.interpreter for release in done if release.interpreter}
        compile_shared(venvs, before)
        seconds["(compiling)"] = round(time.monotonic() - begun, 2)
        self._finish(done, checksums)
        if failures:
            raise ReleaseError("\n".join(str(failures[name]) for name in sorted(failures)))
        return seconds

    def _verify(self, wanted: Iterable[Wanted], bundle: Path, checksums: Mapping[str, str]) -> None:
        for name in sorted({artefact["name"] for release in wanted for artefact in release.spec["artefacts"]}):
            path = bundle / "artefacts" / f"{name}.tar.gz"
            if not path.is_file() or file_digest(path) != checksums.get(name):
                raise ReleaseError(f"The artefact {name} came damaged to this host. Nothing was installed; run again.")

    @property
    def _own_uv(self) -> bool:
        return self._options.installer == "uv" and self._options.uv is None

    def _uv(self) -> Path | None:
        if self._options.installer != "uv":
            return None
        if self._options.uv is not None:
            if not os.access(self._options.uv, os.X_OK):
                raise ReleaseError(
                    f"release_uv names {self._options.uv}, which is no program on this host. Leave it empty to have uv installed."
                )
            return self._options.uv
        return (
            ensure(UV, self._options.environment, lambda home: self._record("directory", str(home), None, UV.version))
            / "bin/uv"
        )

    def _size(self, release: Wanted, bundle: Path) -> int:
        lock = release.spec.get("lock")
        return (bundle / "source" / release.service / lock).stat().st_size if lock else 0

    def _path(self, release: Wanted) -> Path:
        return ServiceReleases(release.service, self._root).path(release.id)

    def _fill(self, release: Wanted, bundle: Path, uv: Path | None) -> None:
        target = ServiceReleases(release.service, self._root).begin(release.id)
        os.chmod(target.parent.parent, 0o755)
        source = bundle / "source" / release.service
        if source.is_dir():
            shutil.copytree(source, target / "source", symlinks=True)
        if release.interpreter is None:
            for artefact in release.spec["artefacts"]:
                extract(bundle / "artefacts" / f"{artefact['name']}.tar.gz", target, release.service)
            return
        wheels = target / "wheels"
        wheels.mkdir()
        for artefact in release.spec["artefacts"]:
            extract(bundle / "artefacts" / f"{artefact['name']}.tar.gz", wheels, release.service)
        own = wheels / "requirements.txt"
        own.write_text(requirements_of(wheels.glob("*.whl")))
        lists = [source / release.spec["lock"], *([own] if own.stat().st_size else [])]
        environment = {"UV_CACHE_DIR": str(self._root / "cache/uv"), **self._options.environment}
        if uv is not None:
            make_with_uv(uv, target / "venv", release.interpreter, lists, environment, release.service)
        else:
            make_with_pip(target / "venv", release.interpreter, lists, environment, release.service)
        shutil.rmtree(wheels)

    def _finish(self, done: Sequence[Wanted], checksums: Mapping[str, str]) -> None:
        if not done:
            return
        flush(self._root)
        for release in done:
            releases = ServiceReleases(release.service, self._root)
            note = {key: release.spec[key] for key in ("service", "runtime", "digest", "version")}
            note["id"] = release.id
            note["artefacts"] = {
                artefact["name"]: checksums[artefact["name"]] for artefact in release.spec["artefacts"]
            }
            note["installed_at"] = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
            if release.interpreter is not None:
                note["python"] = {"interpreter": release.interpreter.path, "version": release.interpreter.version}
            if scripts := Scripts.read(releases.path(release.id) / "source"):
                note["schema"] = scripts.note()
            releases.finish(release.id, note)
            self._record("release", str(releases.path(release.id)), None, release.id)
