# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""External programs of the platform: what is wanted at least, what a host has, and what its package sources offer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

SYSTEMS = ("12", "13")
POSTGRESQL = {"12": 15, "13": 17}
OLDEST = {
    "python": "3.11",
    "systemd": "252",
    "linux": "5.10",
    "postgresql": "15",
    "redis-server": "7.0",
    "haproxy": "2.6",
    "nginx-light": "1.22",
    "pgbouncer": "1.18",
}
"""The oldest versions that the collection was tested with: those of Debian 12, and a kernel with what units use."""
TRANSACTION_POOL = "1.21"
"""From it on PgBouncer can prepare statements in pools of transactions."""

PRESENT, MISSING, OLD, UNKNOWN, NOWHERE = (
    "present",
    "to install",
    "too old",
    "not knowable before apt update",
    "nowhere",
)


@dataclass(frozen=True)
class Package:
    """``name`` may hold alternatives (``a | b``). ``oldest``: upstream version; empty is any."""

    name: str
    needed_by: str
    oldest: str = ""


@dataclass(frozen=True)
class Dependency:
    """One line of the inventory of external programs."""

    name: str
    wanted: str
    found: str
    available: str
    needed_by: str
    state: str

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


def packages_of(wanted: Mapping[str, Any], runtimes: Sequence[str]) -> list[dict[str, str]]:
    """Debian packages that roles install on a host of these groups. ``{postgresql}`` is the version it will have."""
    groups, builds = wanted["groups"], wanted["builds"]
    found = [Package(name, "base") for name in ("ca-certificates", "procps", "iproute2")]
    if "cryptobot_database" in groups:
        found.append(Package("postgresql-{postgresql}", "postgresql", OLDEST["postgresql"]))
        found += [Package("postgresql-common", "postgresql"), Package("python3-psycopg2", "postgresql")]
    if wanted["pool_modes"]:
        oldest = TRANSACTION_POOL if "transaction" in wanted["pool_modes"] else OLDEST["pgbouncer"]
        found.append(Package("pgbouncer", "pgbouncer", oldest))
    if "cryptobot_cache" in groups:
        found += [Package("redis-server", "redis", OLDEST["redis-server"]), Package("redis-tools", "redis")]
    if "cryptobot_edge" in groups:
        found.append(Package("haproxy", "edge", OLDEST["haproxy"]))
    if "python" in runtimes or "wheel" in builds or "npm" in builds:
        found.append(Package("python3-venv", "release"))
    if "static" in runtimes:
        found.append(Package("nginx-light | nginx", "release", OLDEST["nginx-light"]))
    if "cargo" in builds:
        names = ("cargo-web | cargo", "rustc-web | rustc", "gcc", "libc6-dev", "pkg-config")
        found += [Package(name, "release (build)") for name in names]
    return [asdict(each) for each in found]


def upstream(version: str) -> tuple[int, ...]:
    """The upstream numbers of a Debian version: of ``5:7.0.15-1~deb12u1`` it is (7, 0, 15)."""
    numbers = re.match(r"(?:\d+:)?(\d+(?:\.\d+)*)", version)
    return tuple(int(part) for part in numbers[1].split(".")) if numbers else ()


def older(version: str, oldest: str) -> bool:
    """Whether a version is below the oldest that works; one that can't be read is not."""
    found, least = upstream(version), upstream(oldest)
    width = max(len(found), len(least))
    return bool(found) and found + (0,) * (width - len(found)) < least + (0,) * (width - len(least))


def compare(
    package: Package, installed: Mapping[str, str], candidates: Mapping[str, str], lists_known: bool
) -> Dependency:
    """``candidates``: by package what the sources offer, empty where they have none."""
    names = [name.strip() for name in package.name.split("|")]
    here = next((name for name in names if name in installed), None)
    offered = next((name for name in names if candidates.get(name)), None)
    found = installed[here] if here else ""
    available = candidates[offered] if offered else ""
    wanted = f"{package.oldest} or newer" if package.oldest else "any"
    name = here or offered or names[0]
    if here:
        state = OLD if package.oldest and older(found, package.oldest) else PRESENT
    elif not lists_known:
        state = UNKNOWN
    elif not offered:
        state = NOWHERE
    else:
        state = OLD if package.oldest and older(available, package.oldest) else MISSING
    return Dependency(name, wanted, found, available, package.needed_by, state)


def inventory(
    packages: Iterable[Mapping[str, str]],
    installed: Mapping[str, str],
    candidates: Mapping[str, str],
    lists_known: bool,
    postgresql: int,
) -> list[Dependency]:
    """All wanted packages of a host; ``postgresql``: the major version that it has or will have."""
    named = [Package(**{**each, "name": each["name"].replace("{postgresql}", str(postgresql))}) for each in packages]
    return [compare(package, installed, candidates, lists_known) for package in named]


def parse_policy(output: str) -> dict[str, str]:
    """Candidates out of what ``apt-cache policy`` prints; empty for a package without one."""
    found, name = {}, ""
    for line in output.splitlines():
        if line and not line[0].isspace():
            name = line.rstrip(":")
        elif name and (candidate := re.match(r"\s+Candidate: (\S+)", line)):
            found[name] = "" if candidate[1] == "(none)" else candidate[1]
    return found
