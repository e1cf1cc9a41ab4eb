# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages and databases in the plan of an uninstallation: what goes with its server, what keeps its server here."""

from __future__ import annotations

from collections.abc import Collection

from . import packages
from .model import Host, Phase, Plan
from .record import Entry

CONFIGURATION_KEPT = "removed, its configuration is kept"


def below(path: str, directories: Collection[str]) -> bool:
    return any(path == each or path.startswith(f"{each.rstrip('/')}/") for each in directories)


def made_by(entry: Entry) -> list[str] | None:
    """The packages that made an account or a directory; ``None`` where the collection did."""
    return entry.is_.get("made_by") if isinstance(entry.is_, dict) else None


class Servers:
    """``keep_data``: what services have written stays, with the accounts that own it.

    ``whole``: everything is undone, not one service or role alone.
    """

    def __init__(self, entries: list[Entry], host: Host, keep_data: bool, whole: bool = True) -> None:
        self.entries = [entry for entry in entries if entry.kind != "directory" or made_by(entry) is None]
        self.by_packages = [entry for entry in entries if entry not in self.entries]
        self.host, self.keep_data, self.whole = host, keep_data, whole
        self.plan = Plan()
        self.kept: set[str] = set()
        """Directories with data that stay."""
        self.gone: set[str] = set()
        """Directories that go with all that is in them."""
        self.going: set[str] = set()
        self.purged: set[str] = set()

    def _of(self, *kinds: str) -> list[Entry]:
        return [entry for entry in self.entries if entry.kind in kinds]

    def _packages(self) -> None:
        entries = {entry.target: entry for entry in self._of("package") if entry.was is None}
        there = {name for name in entries if name in self.host.packages}
        installed = {name for name in there if self.host.packages[name].state == "i"}
        reasons = {name: f"{who} needs it" for name, who in packages.needed(self.host.packages, installed).items()}
        if why := self._strangers(installed):
            engine = {name for name in installed if packages.POSTGRESQL.fullmatch(name)}
            stay = packages.with_needs(self.host.packages, engine, installed)
            reasons = {**dict.fromkeys(sorted(stay), why), **reasons}
        self.going = installed - set(reasons)
        data = self.kept | self._cluster_directories()
        for name in sorted(there):
            package, keeps = self.host.packages[name], self.keep_data and packages.keeps_data(name, data)
            if name in reasons:
                self.plan.leave(f"package {name}", reasons[name])
            elif not keeps:
                self.purged.add(name)
                self.plan.add(Phase.PACKAGES, "purge", ("package", name, package.version, None), entries[name])
            else:
                if package.state == "i":
                    self.plan.add(Phase.PACKAGES, "uninstall", ("package", name, package.version, CONFIGURATION_KEPT))
                self.plan.leave(
                    f"package {name}", "its configuration alone, since removing that as well would delete the data"
                )
        self.plan.settled += [entry for name, entry in entries.items() if name not in there]
        for entry in self._of("package"):
            if entry.was is not None:
                self.plan.leave(
                    f"package {entry.target}",
                    f"it was {entry.was} and is {entry.is_}; it is not taken back to an older version",
                )

    def _clusters(self) -> list[Entry]:
        return [entry for entry in self._of("postgresql") if entry.target == "cluster" and entry.is_]

    def _cluster_directories(self) -> set[str]:
        return {entry.is_["directory"] for entry in self._clusters() if entry.is_["directory"] in self.host.directories}

    def _created(self, kind: str) -> dict[str, Entry]:
        """Databases or roles of ours, by name."""
        words = f"{kind} "
        return {
            entry.target.removeprefix(words): entry
            for entry in self._of("postgresql")
            if entry.target.startswith(words) and entry.was is None
        }

    def _strangers(self, installed: Collection[str]) -> str:
        """Why a PostgreSQL server that came with us stays all the same; empty where it may go."""
        if not any(packages.POSTGRESQL.fullmatch(name) for name in installed):
            return ""
        if self.host.databases is None:
            return (
                ""
                if self.keep_data
                else "PostgreSQL does not answer, so nobody can tell whose databases are in it. Start it, run again"
            )
        ours = {"postgres", *self._created("database")}
        # Copies that migrations put aside are named after what they are copies of.
        strangers = {name for name in self.host.databases if name.partition("__")[0] not in ours}
        return (
            f"the cluster has databases that are not the platform's: {', '.join(sorted(strangers))}"
            if strangers
            else ""
        )

    def _postgresql(self) -> None:
        """Databases go with their server where it came with us; else one by one."""
        entries = self._of("postgresql")
        server = {name for name in self.host.packages if packages.POSTGRESQL.fullmatch(name)}
        stays = any(self.host.packages[name].state == "i" and name not in self.going for name in server)
        if not entries:
            return
        databases, roles = self._created("database"), self._created("role")
        names = ", ".join(sorted(databases))
        if not stays and not self.keep_data:
            for entry in self._clusters():
                directory = entry.is_["directory"]
                if directory in self.host.directories:
                    self.plan.add(
                        Phase.PACKAGES, "nothing", ("directory", directory, f"databases {names}", None), *entries
                    )
                    return
            self.plan.settled += entries
        elif self.keep_data:
            for directory in sorted(self._cluster_directories()):
                self.kept.add(directory)
                self.plan.leave(f"directory {directory}", f"data: databases {names}")
        else:
            self._drop(databases, roles, entries)

    def _drop(self, databases: dict[str, Entry], roles: dict[str, Entry], entries: list[Entry]) -> None:
        if self.host.databases is None:
            for name in databases:
                self.plan.leave(f"postgresql database {name}", "PostgreSQL does not answer. Start it and run again")
            return
        present = self.host.databases
        for name, entry in databases.items():
            inside = [each for each in entries if name in each.target.replace(".", " ").split() and each is not entry]
            if name in present:
                self.plan.add(
                    Phase.DATABASES,
                    "drop database",
                    ("postgresql", f"database {name}", entry.is_, None),
                    entry,
                    *inside,
                )
        for name, entry in roles.items():
            if name in self.host.roles:
                self.plan.add(Phase.DATABASES, "drop role", ("postgresql", f"role {name}", entry.is_, None), entry)
        mine = {*databases, *roles}
        for entry in entries:
            if entry.was is not None and not mine & set(entry.target.replace(".", " ").split()):
                self.plan.leave(
                    f"postgresql {entry.target}", f"it was {entry.was} and is {entry.is_}. Put it back by hand"
                )

    def _staying(self, names: Collection[str]) -> list[str]:
        """Those of some packages that are not gone with all that is theirs."""
        return [name for name in names if name in self.host.packages and name not in self.purged]

    def _installed(self, name: str) -> bool:
        """Whether a package stays with its programs, not with its configuration alone."""
        return self.host.packages[name].state == "i" and name not in self.going
