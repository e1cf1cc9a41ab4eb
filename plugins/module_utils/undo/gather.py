# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads from this host what a plan is made from, and changes nothing."""

from __future__ import annotations

import glob
import grp
import os
import pwd
import re
import stat
import subprocess
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any

from .. import kernel, tree
from ..postgresql import cluster as clusters
from ..units.systemd import parse_show
from . import packages
from .model import Directory, Host, Package, Unit
from .plan import HOME, LOADED, PLATFORM_DATA
from .record import Entry, services
from .servers import below

LOGS = "/var/log/cryptobot"
SHARED = "/var/lib/cryptobot-datastores"
UNLISTED = ("/opt", "/usr", "/run")
"""Where nobody but programs of ours writes into our directories, so that their content is not looked at."""
Run = Callable[..., str]


class UndoError(RuntimeError):
    """What could not be found out or done; the text says what to do."""


def run(*argv: str, check: bool = True) -> str:
    """What a program prints. Raises :class:`UndoError` with what it said."""
    environment = {
        **os.environ,
        "LC_ALL": "C",
        "LANGUAGE": "C",
        "DEBIAN_FRONTEND": "noninteractive",
        "NEEDRESTART_SUSPEND": "1",
    }
    try:
        done = subprocess.run(argv, capture_output=True, text=True, errors="replace", check=False, env=environment)
    except FileNotFoundError:
        if check:
            raise UndoError(f"{argv[0]} is not on this host. Install it, then run again.") from None
        return ""
    if check and done.returncode:
        raise UndoError(f"{' '.join(argv[:3])} failed (exit {done.returncode}): {(done.stderr or done.stdout).strip()}")
    return done.stdout


def gather(entries: list[Entry], service: str = "", role: str = "") -> Host:
    """The host as far as the entries name it; a ``service`` or a ``role`` is what they are of, if not all."""
    whole = not (service or role)
    found_packages = packages.parse(run("dpkg-query", "--show", "--showformat", "\t".join(packages.QUERY) + "\n"))
    clusters_of_ours = [
        entry.is_["directory"]
        for entry in entries
        if entry.kind == "postgresql" and entry.target == "cluster" and entry.is_
    ]
    homes = (
        [f"{HOME}/{service}", f"{LOGS}/{service}"]
        if service
        else [f"{HOME}/{name}" for name in services(entries)]
        if whole
        else []
    )
    shared = sorted(glob.glob(f"{SHARED}/*")) if service else []
    wanted = [entry.target for entry in entries if entry.kind in ("directory", "release")]
    wanted += [*clusters_of_ours, *homes, *shared, *((HOME, LOADED, *PLATFORM_DATA) if whole else ())]
    ours = {entry.target for entry in entries if entry.kind == "directory"}
    directories = {path: _directory(path, ours) for path in wanted if os.path.isdir(path)}
    units = sorted({entry.target.removesuffix(" at boot") for entry in entries if entry.kind == "unit"})
    names = [entry.target for entry in entries if entry.kind == "sysctl"]
    databases, roles = _databases(clusters_of_ours, found_packages)
    return Host(
        files={entry.target: tree.look(entry.target) for entry in entries if entry.kind in ("file", "symlink")},
        kept=_kept(entries),
        directories=directories,
        homes=tuple(path for path in homes if path in directories),
        shared=tuple(path for path in shared if path in directories),
        units=_units(units),
        packages=found_packages,
        held=frozenset(run("apt-mark", "showhold").split()),
        users=frozenset(each.pw_name for each in pwd.getpwall()),
        groups=frozenset(each.gr_name for each in grp.getgrall()),
        members={each.gr_name: frozenset(each.gr_mem) for each in grp.getgrall()},
        kernel=kernel.read(names),
        databases=databases,
        roles=roles,
        books=tuple(_books(homes)) if whole else (),
    )


def _directory(path: str, ours: Collection[str]) -> Directory:
    status = os.stat(path)
    rights = (
        f"{_name(pwd.getpwuid, status.st_uid)}:{_name(grp.getgrgid, status.st_gid)} {stat.S_IMODE(status.st_mode):04o}"
    )
    if below(path, UNLISTED):
        return Directory(rights)
    files, owners, groups = [], {status.st_uid}, {status.st_gid}
    for folder, folders, names in os.walk(path):
        # Below /etc a directory that is not ours counts as what somebody else has put there.
        strangers = [each for each in folders if below(path, ["/etc"]) and os.path.join(folder, each) not in ours]
        links = [each for each in folders if os.path.islink(os.path.join(folder, each))]
        files += [os.path.join(folder, each) for each in dict.fromkeys([*names, *strangers, *links])]
        for each in [*names, *folders]:
            about = os.lstat(os.path.join(folder, each))
            owners.add(about.st_uid)
            groups.add(about.st_gid)
    owner_names = frozenset(_name(pwd.getpwuid, each) for each in owners)
    return Directory(rights, tuple(sorted(files)), owner_names, frozenset(_name(grp.getgrgid, each) for each in groups))


def _name(lookup: Any, number: int) -> str:
    try:
        return str(lookup(number)[0])
    except KeyError:
        return str(number)


def _kept(entries: Iterable[Entry]) -> dict[str, bytes]:
    """What files held before us, by digest."""
    digests = {
        entry.was["sha256"]
        for entry in entries
        if entry.kind == "file" and isinstance(entry.was, dict) and entry.was.get("sha256")
    }
    found = {}
    for digest in digests:
        path = Path(HOME) / "was" / digest
        if path.exists():
            found[digest] = path.read_bytes()
    return found


def _units(names: list[str]) -> dict[str, Unit]:
    if not names:
        return {}
    properties = "Id,LoadState,ActiveState,SubState,UnitFileState,NeedDaemonReload,NRestarts,Result,StatusText"
    states = parse_show(run("systemctl", "show", f"--property={properties}", *names))
    brought = _unit_files()
    found = {}
    for name in names:
        state = states.get(name)
        active = state is not None and state.active in ("active", "activating", "reloading", "deactivating")
        enabled = state is not None and state.file.startswith("enabled")
        masked = os.path.islink(path := f"/etc/systemd/system/{name}") and os.readlink(path) == "/dev/null"
        template = re.sub(r"@[^.]*\.", "@.", name)
        found[name] = Unit(active, enabled, masked, brought.get(name) or brought.get(template, ""))
    return found


def _unit_files() -> dict[str, str]:
    """By unit file, the installed package that has it."""
    found = {}
    for path in glob.glob("/var/lib/dpkg/info/*.list"):
        for line in Path(path).read_text(errors="replace").splitlines():
            if "/lib/systemd/system/" in line:
                found[os.path.basename(line)] = os.path.basename(path).removesuffix(".list").split(":")[0]
    return found


def _databases(directories: list[str], found: dict[str, Package]) -> tuple[frozenset[str] | None, frozenset[str]]:
    """Databases and roles of the cluster; none where no server is installed, ``None`` where it does not answer."""
    engine = packages.POSTGRESQL
    if not directories or not any(engine.fullmatch(name) and package.state == "i" for name, package in found.items()):
        return frozenset(), frozenset()
    ports = [
        each.port
        for each in clusters.parse(run("pg_lsclusters", "--no-header", check=False))
        if each.directory in directories
    ]
    if not ports:
        return frozenset(), frozenset()
    psql = (
        "runuser",
        "-u",
        "postgres",
        "--",
        "psql",
        "--no-psqlrc",
        "--tuples-only",
        "--no-align",
        f"--port={ports[0]}",
    )
    try:
        databases = run(*psql, "--command=SELECT datname FROM pg_database WHERE NOT datistemplate").splitlines()
        return frozenset(databases), frozenset(run(*psql, "--command=SELECT rolname FROM pg_roles").splitlines())
    except UndoError:
        return None, frozenset()


def _books(homes: list[str]) -> list[str]:
    """What modules remember in the directory of the record, without the record itself and the data of services."""
    inside = sorted(glob.glob(f"{HOME}/*") + glob.glob(f"{HOME}/.[!.]*"))
    return [path for path in inside if path not in homes and os.path.basename(path) not in ("state.jsonl", "was")]
