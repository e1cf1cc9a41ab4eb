# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Python environments: one a release, third-party packages from the lock by hash, the application's own from wheels.

Nothing that comes from an index is run: only wheels are installed, and compiling executes no module.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import ReleaseError
from .process import run
from .source import file_digest

_PROBE = "import json,sys; print(json.dumps([sys.executable, '.'.join(map(str, sys.version_info[:3])), sys.implementation.cache_tag]))"


@dataclass(frozen=True)
class Interpreter:
    """A Python of this host."""

    path: str
    version: str
    tag: str

    @property
    def abi(self) -> str:
        """What binary packages are bound to, for example cp311."""
        return self.tag.replace("cpython-", "cp")


def find_interpreter(name: str) -> Interpreter | None:
    """The interpreter of a name or an absolute path; ``None`` where there is none that works."""
    path = shutil.which(name, path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    if path is None:
        return None
    asked = subprocess.run([path, "-I", "-c", _PROBE], capture_output=True, check=False)
    return Interpreter(*json.loads(asked.stdout)) if asked.returncode == 0 else None


def requirements_of(wheels: Iterable[Path]) -> str:
    """A requirements file that names wheels by place and content."""
    lines = (
        f"{wheel.name.split('-')[0]} @ {wheel.as_uri()} --hash=sha256:{file_digest(wheel)}" for wheel in sorted(wheels)
    )
    return "".join(f"{line}\n" for line in lines)


def make_with_uv(
    uv: Path, venv: Path, interpreter: Interpreter, lists: Sequence[Path], environment: Mapping[str, str], service: str
) -> None:
    """Make an environment with uv: its cache is shared, files are hard links into it."""
    base = [str(uv), "--no-config", "--no-progress", "--color", "never", "--no-python-downloads"]
    doing = f"{service}: making its Python environment"
    run(
        [*base, "venv", "--quiet", "--no-project", "--python", interpreter.path, str(venv)],
        doing,
        environment=environment,
    )
    pip = [*base, "pip"]
    python = ["--python", str(venv / "bin/python")]
    sync = [
        *pip,
        "sync",
        *python,
        "--require-hashes",
        "--no-build",
        "--link-mode",
        "hardlink",
        "--strict",
        *map(str, lists),
    ]
    run(sync, f"{service}: installing its locked packages", environment=environment)
    run([*pip, "check", *python], f"{service}: its lock does not hold what its packages need", environment=environment)


def make_with_pip(
    venv: Path, interpreter: Interpreter, lists: Sequence[Path], environment: Mapping[str, str], service: str
) -> None:
    """Make an environment with what Python brings, for hosts that cannot have uv."""
    run(
        [interpreter.path, "-m", "venv", str(venv)],
        f"{service}: making its Python environment",
        environment=environment,
    )
    pip = [str(venv / "bin/python"), "-m", "pip", "--disable-pip-version-check", "--no-input"]
    for wanted in lists:
        install = [
            *pip,
            "install",
            "--quiet",
            "--no-compile",
            "--no-deps",
            "--only-binary",
            ":all:",
            "--require-hashes",
            "-r",
            str(wanted),
        ]
        run(install, f"{service}: installing its locked packages", environment=environment)
    run([*pip, "check"], f"{service}: its lock does not hold what its packages need", environment=environment)


def compile_shared(venvs: Mapping[Path, Interpreter], others: Iterable[Path]) -> tuple[int, int]:
    """Compile the modules of new environments; a file that several share (one inode) is compiled once and linked.

    An application must not write into its release, so without this every start would compile everything again.
    Returns how many were compiled and how many linked.
    """
    compiled: dict[tuple[int, int, str], Path] = {}
    for venv in others:
        for source in _modules(venv):
            for cached in _caches(source):
                stat = source.stat()
                compiled[stat.st_dev, stat.st_ino, cached.suffixes[0]] = cached
    wanted: dict[Interpreter, list[Path]] = {}
    links: list[tuple[tuple[int, int, str], Path]] = []
    for venv, interpreter in venvs.items():
        for source in _modules(venv):
            stat = source.stat()
            key, target = (stat.st_dev, stat.st_ino, f".{interpreter.tag}"), _cache(source, interpreter.tag)
            if key in compiled:
                links.append((key, target))
            else:
                compiled[key] = target
                wanted.setdefault(interpreter, []).append(source)
    for interpreter, sources in wanted.items():
        names = "".join(f"{source}\n" for source in sources)
        argv = [
            interpreter.path,
            "-I",
            "-m",
            "compileall",
            "-q",
            "-j",
            "0",
            "--invalidation-mode",
            "timestamp",
            "-i",
            "-",
        ]
        # A package may hold files for other versions of Python; that they do not compile is no fault.
        subprocess.run(argv, input=names.encode(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    linked = sum(_link(compiled[key], target) for key, target in links)
    return sum(map(len, wanted.values())), linked


def _modules(venv: Path) -> Iterable[Path]:
    return venv.glob("lib/python*/site-packages/**/*.py")


def _cache(source: Path, tag: str) -> Path:
    return source.parent / "__pycache__" / f"{source.stem}.{tag}.pyc"


def _caches(source: Path) -> Iterable[Path]:
    return (source.parent / "__pycache__").glob(f"{source.stem}.cpython-*.pyc")


def _link(made: Path, target: Path) -> bool:
    if not made.exists():
        return False
    target.parent.mkdir(exist_ok=True)
    target.unlink(missing_ok=True)
    os.link(made, target)
    return True


def require_interpreter(name: str, service: str) -> Interpreter:
    """The interpreter of a service.

    Raises :class:`ReleaseError` with what to do when the host has none of that name.
    """
    found = find_interpreter(name)
    if found is None:
        raise ReleaseError(
            f"services.{service}.python.interpreter: there is no {name} on this host. Install it first, or set interpreter: python3 for Debian's own."
        )
    return found
