# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian packages: what is wanted, what dpkg has, and what apt is asked to do about it.

Everything is read from dpkg's own status, so that a plan can be made on a host without python3-apt and without package
lists; only what the archive alone can tell (versions, dependencies) is then missing from it.
"""

from __future__ import annotations

import fcntl
import glob
import grp
import os
import pwd
import re
import struct
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .changes import Change

LISTS = Path("/var/lib/apt/lists")
PARENTS = ("/etc", "/var/lib", "/var/log")
INFO = Path("/var/lib/dpkg/info")
UPDATES = Path("/var/lib/dpkg/updates")
"""Where dpkg notes what it has done before it writes it into its books; apt refuses to work while a note is left."""
LOCKS = ("/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock", "/var/lib/apt/lists/lock", "/var/cache/apt/archives/lock")
STATUS_QUERY = ("dpkg-query", "--show", "--showformat", "${db:Status-Abbrev}\t${binary:Package}\t${Version}\n")
ENVIRONMENT = {
    "DEBIAN_FRONTEND": "noninteractive",
    "DEBIAN_PRIORITY": "critical",
    "LANGUAGE": "C",
    "LC_ALL": "C",
    # needrestart would restart services on its own account in the middle of an installation.
    "NEEDRESTART_SUSPEND": "1",
}
INSTALL = (
    "apt-get",
    "install",
    "--yes",
    "--no-install-recommends",
    "--option=Dpkg::Options::=--force-confdef",
    "--option=Dpkg::Options::=--force-confold",
    "--option=DPkg::Lock::Timeout=60",
)
SIMULATE = (*INSTALL, "--simulate", "--option=Dir::Log::Planner=/dev/null")
"""apt would write a log of what it considered, and make the directory for it, even where it only simulates."""
UNIT_DIRECTORIES = ("/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")


class PackagesError(RuntimeError):
    """The packages can't be had now; the text says why and what to do."""


@dataclass(frozen=True)
class Wanted:
    """Packages; ``"a | b"`` is satisfied by any of the alternatives and else means the first. ``mask``: units that must
    never start on their own account, masked before the package that brings them is installed for the first time.
    ``hold``: packages that unattended upgrades must leave alone."""

    packages: tuple[str, ...] = ()
    mask: tuple[str, ...] = ()
    hold: tuple[str, ...] = ()


@dataclass(frozen=True)
class Found:
    versions: Mapping[str, str] = field(default_factory=dict)
    unfinished: tuple[str, ...] = ()
    held: frozenset[str] = frozenset()
    units: frozenset[str] = frozenset()
    interrupted: bool = False
    """Whether a dpkg that was killed left notes that are not in its books."""
    lists_age: float | None = None
    """Hours since the package lists were fetched; ``None`` where there are none."""


@dataclass(frozen=True)
class Plan:
    missing: tuple[str, ...] = ()
    mask: tuple[str, ...] = ()
    hold: tuple[str, ...] = ()
    unfinished: tuple[str, ...] = ()
    interrupted: bool = False
    update_first: bool = False

    @property
    def changed(self) -> bool:
        return bool(self.missing or self.mask or self.hold or self.unfinished or self.interrupted)


def plan(wanted: Wanted, found: Found, lists_valid_hours: float = 24) -> Plan:
    """Package lists are fetched only when something is missing and they are absent or older than ``lists_valid_hours``."""
    missing = tuple(dict.fromkeys(name for each in wanted.packages if (name := _missing(each, found))))
    stale = found.lists_age is None or found.lists_age > lists_valid_hours
    return Plan(
        missing=missing,
        mask=tuple(unit for unit in wanted.mask if missing and unit not in found.units),
        hold=tuple(name for name in wanted.hold if name not in found.held),
        unfinished=found.unfinished,
        interrupted=found.interrupted,
        update_first=bool(missing) and stale,
    )


def _missing(wanted: str, found: Found) -> str | None:
    alternatives = [name.strip() for name in wanted.split("|")]
    return None if any(name in found.versions for name in alternatives) else alternatives[0]


def predicted(planned: Plan, found: Found, simulated: Sequence[tuple[str, str]] | None) -> list[Change]:
    """What a real run would record. ``simulated`` is apt's own forecast, ``None`` where it can't make one."""
    changes = masks(planned)
    changes += [Change("package", name, "half installed", "configured") for name in planned.unfinished]
    if planned.interrupted and not planned.unfinished:
        changes.append(Change("dpkg", "notes of an interrupted run", "left", None, action="finish"))
    if simulated is None:
        unknown = "version and dependencies are not knowable before apt update"
        changes += [Change("package", name, None, unknown, unknown=unknown) for name in planned.missing]
    else:
        changes += [Change("package", name, found.versions.get(name), version) for name, version in simulated]
    return changes + holds(planned)


def masks(planned: Plan) -> list[Change]:
    return [Change("unit", unit, None, "masked", action="mask") for unit in planned.mask]


def holds(planned: Plan) -> list[Change]:
    return [Change("hold", name, None, "held") for name in planned.hold]


def surroundings(parents: Iterable[str] = PARENTS) -> dict[str, frozenset[str]]:
    """What packages make and may leave behind when they go: names of users and groups, directories of their own."""
    return {
        "user": frozenset(each.pw_name for each in pwd.getpwall()),
        "group": frozenset(each.gr_name for each in grp.getgrall()),
        "directory": frozenset(path for parent in parents for path in glob.glob(f"{parent}/*") if os.path.isdir(path)),
    }


def brought(
    before: Mapping[str, frozenset[str]], after: Mapping[str, frozenset[str]], scripts: Mapping[str, str]
) -> list[Change]:
    """What of that an installation made; a directory that no package names is somebody else's.

    ``scripts``: by package, what names the things that it makes.
    """
    found = []
    for kind in ("user", "group", "directory"):
        for name in sorted(after[kind] - before[kind]):
            word = re.compile(rf"(?<![\w-]){re.escape(name)}(?![\w-])")
            makers = sorted(package for package, text in scripts.items() if word.search(text))
            if makers or kind != "directory":
                found.append(Change(kind, name, None, {"made_by": makers}))
    return found


def scripts(names: Iterable[str], directory: Path = INFO) -> dict[str, str]:
    """What each package ran when it was installed, and the list of its files."""
    return {name: "".join(path.read_text(errors="replace") for path in _about(directory, name)) for name in names}


def _about(directory: Path, name: str) -> list[Path]:
    return [*directory.glob(f"{name}.postinst"), *directory.glob(f"{name}.list"), *directory.glob(f"{name}:*.list")]


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> list[Change]:
    """What an installation really did to the host's packages, dependencies included."""
    names = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    return [Change("package", name, before.get(name), after.get(name)) for name in names]


def parse_status(output: str) -> tuple[dict[str, str], tuple[str, ...]]:
    """Installed versions by package name, and packages that an interrupted dpkg left unfinished."""
    versions, unfinished = {}, []
    for line in output.splitlines():
        state, qualified, version = line.split("\t")
        name = qualified.split(":")[0]
        if state[1] in "iWt":
            versions[name] = version
        if state[1] in "UFHWt":
            unfinished.append(name)
    return versions, tuple(unfinished)


def parse_simulation(output: str) -> list[tuple[str, str]]:
    """Names and versions out of what ``apt-get --simulate install`` prints."""
    return re.findall(r"^Inst (\S+) (?:\[\S+\] )?\((\S+)", output, re.MULTILINE)


def interrupted(directory: Path = UPDATES) -> bool:
    """Whether a dpkg was killed before it had written its books."""
    return any(path.name.isdigit() for path in directory.glob("*"))


def lists_age(directory: Path = LISTS) -> float | None:
    """Hours since the newest package list was fetched. ``apt-get update`` touches the directory itself even when nothing
    is new, so that its time counts as soon as there is any list."""
    if not any(directory.glob("*Packages*")):
        return None
    return (time.time() - max(directory.stat().st_mtime, (directory / "partial").stat().st_mtime)) / 3600


def known_units(units: Iterable[str], directories: Iterable[str] = UNIT_DIRECTORIES) -> frozenset[str]:
    """Units that this host has already, masked ones included."""
    return frozenset(unit for unit in units if any(os.path.lexists(f"{each}/{unit}") for each in directories))


def lock_holder(path: str) -> str | None:
    """Who holds a lock of apt or dpkg, as ``process 812 (apt-get of root, begun 95 s ago)``; ``None``: nobody."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    layout = "hhqqixxxx"
    try:
        asked = struct.pack(layout, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, __, __, __, process = struct.unpack(layout, fcntl.fcntl(descriptor, fcntl.F_GETLK, asked))
    finally:
        os.close(descriptor)
    if kind == fcntl.F_UNLCK:
        return None
    return f"process {process} ({_about_process(Path('/proc') / str(process))})"


def _about_process(path: Path) -> str:
    """Its name, and whose it is since when; a process that has just ended is gone."""
    try:
        name, owner = (path / "comm").read_text().strip(), path.stat().st_uid
        ticks = int((path / "stat").read_text().rpartition(")")[2].split()[19])
    except (OSError, IndexError):
        return "gone"
    try:
        user = pwd.getpwuid(owner).pw_name
    except KeyError:
        user = str(owner)
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    return f"{name} of {user}, begun {age:.0f} s ago"


def wait_for_locks(
    seconds: float,
    locks: Iterable[str] = LOCKS,
    holder: Callable[[str], str | None] = lock_holder,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Returns when nobody else installs anything, or raises :class:`PackagesError` that names who does."""
    waited = 0.0
    while held := [(path, who) for path in locks if (who := holder(path))]:
        if waited >= seconds:
            path, who = held[0]
            raise PackagesError(
                f"{who} has held {path} for the {seconds:.0f} s that were waited. Another installation is under way. "
                "Let it end (or set a longer lock_timeout), then run again; nothing was installed. If it hangs, end it "
                "with kill and its number: the next run goes on where it stopped."
            )
        sleep(1)
        waited += 1
