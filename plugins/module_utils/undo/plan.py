# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of an uninstallation, made from the record's entries and the host as it is; nothing is touched by it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import PurePath
from typing import Any

from .files import plan_file
from .model import Left, Phase, Plan
from .record import Entry
from .servers import Servers, below, made_by

HOME = "/var/lib/cryptobot"
LOADED = "/run/cryptobot-loaded"
PLATFORM_DATA = ("/var/lib/cryptobot-migration", "/var/lib/cryptobot-router")
"""What migrations have written; no line of the record names these directories."""
EFFECTS = ("setting", "redis", "schema", "side")
"""What is so because of files and data, and is gone with them."""
OFF = ("off", "stopped", None)


class Planner(Servers):
    """The plan of everything; what data and servers need is known first."""

    def make(self) -> Plan:
        """The whole plan."""
        self.kept |= set(self.host.shared)
        self._directories()
        self._packages()
        self._postgresql()
        self._units()
        self._files()
        self._configuration_directories()
        self._kernel()
        self._directories_of_packages()
        self._accounts()
        self._masks_and_holds()
        self._others()
        if self.whole:
            self._record()
        return self.plan

    def _directories(self) -> None:
        """Those that are ours, but for those below /etc, go with all that our programs put there; data as asked."""
        ours = {
            entry.target: entry
            for entry in self._of("directory")
            if entry.was is None and not below(entry.target, ["/etc"])
        }
        extra = [path for path in PLATFORM_DATA if path in self.host.directories] if self.whole else []
        inner_first = sorted([*ours, *extra], key=lambda path: (-len(PurePath(path).parts), path))
        for path in inner_first:
            found = self.host.directories.get(path)
            if path == HOME:
                continue
            if found is None:
                self._settle(ours, path)
            elif self.keep_data and below(path, ["/var"]) and found.files:
                if any(not below(file, self.kept) for file in found.files):
                    self.plan.leave(f"directory {path}", "data")
                self.kept.add(path)
            else:
                self.gone.add(path)
        for path in self.host.homes:
            self._home(path)
        outermost = [path for path in self.gone if not below(str(PurePath(path).parent), self.gone)]
        for path in sorted(outermost):
            inside = [
                entry for entry in self._of("directory", "release", "symlink", "file") if below(entry.target, [path])
            ]
            self.plan.add(
                Phase.DIRECTORIES, "remove", ("directory", path, self.host.directories[path].rights, None), *inside
            )
        for entry in self._of("release", "symlink"):
            if not below(entry.target, self.gone):
                self._release(entry)

    def _release(self, entry: Entry) -> None:
        """One in a directory that was there before us."""
        if entry.was is None and entry.target in self.host.directories:
            rights_now = self.host.directories[entry.target].rights
            self.plan.add(Phase.DIRECTORIES, "remove", ("directory", entry.target, rights_now, None), entry)
        elif entry.was is None and entry.kind == "symlink" and self.host.files[entry.target].kind == "link":
            self.plan.add(Phase.FILES, "unlink", ("symlink", entry.target, entry.is_, None), entry)
        else:
            self.plan.settled.append(entry)

    def _home(self, path: str) -> None:
        """The directory of a service's data, which its units made."""
        found = self.host.directories[path]
        if self.keep_data and found.files:
            self.plan.leave(f"directory {path}", "data")
            self.kept.add(path)
        else:
            self.gone.add(path)

    def _settle(self, ours: dict[str, Entry], path: str) -> None:
        if path in ours:
            self.plan.settled.append(ours[path])

    def _units(self) -> None:
        stops: dict[str, list[Entry]] = {}
        for entry in self._of("unit"):
            name = entry.target.removesuffix(" at boot")
            unit = self.host.units[name]
            off = entry.was in OFF or (
                isinstance(entry.was, dict) and not (entry.was["active"] or entry.was["enabled"])
            )
            if entry.is_ == "masked":
                continue
            if off:
                stops.setdefault(name, []).append(entry)
            elif unit.active and unit.package not in self.going and entry.is_ in ("restarted", "reloaded"):
                verb = "restart" if entry.is_ == "restarted" else "reload"
                self.plan.add(Phase.RESTART, verb, ("unit", name, "running", entry.is_), entry)
            else:
                self.plan.settled.append(entry)
        for name, entries in stops.items():
            unit = self.host.units[name]
            if unit.active or unit.enabled:
                was = {"active": unit.active, "enabled": unit.enabled}
                self.plan.add(Phase.STOP, "stop", ("unit", name, was, {"active": False, "enabled": False}), *entries)
            else:
                self.plan.settled += entries

    def _files(self) -> None:
        for entry in self._of("file"):
            if not below(entry.target, self.gone):
                plan_file(self.plan, entry, self.host)

    def _configuration_directories(self) -> None:
        """Below /etc and those whose rights we changed: what is not ours in them stays, and so do they."""
        removed = {step.change.target for step in self.plan.steps if step.operation in ("unlink", "remove")}
        left = {each.title.removeprefix("file ") for each in self.plan.left}
        for entry in sorted(self._of("directory"), key=lambda each: -len(PurePath(each.target).parts)):
            found = self.host.directories.get(entry.target)
            if entry.was is None and not below(entry.target, ["/etc"]):
                continue
            if found is None or (entry.was is not None and rights(entry.was) == found.rights):
                self.plan.settled.append(entry)
            elif entry.was is not None:
                self.plan.add(
                    Phase.DIRECTORIES, "rights", ("directory", entry.target, found.rights, rights(entry.was)), entry
                )
            elif strangers := [file for file in found.files if file not in removed]:
                if unknown := [file for file in strangers if file not in left]:
                    self.plan.leave(
                        f"directory {entry.target}",
                        f"it holds what the platform has not written: {', '.join(unknown[:5])}",
                    )
            else:
                self.plan.add(Phase.DIRECTORIES, "remove", ("directory", entry.target, found.rights, None), entry)

    def _kernel(self) -> None:
        for entry in self._of("sysctl"):
            now = self.host.kernel[entry.target]
            if now == entry.was:
                self.plan.settled.append(entry)
            elif now != " ".join(str(entry.is_).split()) or entry.was is None:
                self.plan.leave(
                    f"sysctl {entry.target}", f"somebody has changed it since: it was {entry.was} and is {now}"
                )
            else:
                self.plan.add(Phase.KERNEL, "sysctl", ("sysctl", entry.target, now, entry.was), entry)

    def _accounts(self) -> None:
        data = [self.host.directories[path] for path in self.kept]
        owners = {name for each in data for name in each.owners}
        owning = {name for each in data for name in each.groups}
        for entry in [*self._of("user"), *self._of("group")]:
            there = self.host.users if entry.kind == "user" else self.host.groups
            title, name = f"{entry.kind} {entry.target}", entry.target
            brought = made_by(entry)
            if name not in there:
                self.plan.settled.append(entry)
            elif entry.was is not None:
                self._rights_of_user(entry)
            elif name in owners or (entry.kind == "group" and name in owning):
                self.plan.leave(title, "it owns data that is kept")
            elif staying := [each for each in self._staying(brought or []) if self._installed(each)]:
                self.plan.leave(title, f"the package {staying[0]} uses it")
            elif entry.kind == "group" and (member := self._staying_member(name)):
                self.plan.leave(title, f"{member}, who stays, is in it")
            else:
                phase = Phase.LEFTOVERS if brought is not None else Phase.ACCOUNTS
                shown = entry.is_ if isinstance(entry.is_, str) else name
                self.plan.add(phase, entry.kind, (entry.kind, name, shown, None), entry)

    def _staying_member(self, group: str) -> str:
        """A user of ours who stays and is in a group, as in that of its own name; a server may not start without it."""
        left = {each.title.removeprefix("user ") for each in self.plan.left if each.title.startswith("user ")}
        return next(iter(sorted(left & {group, *self.host.members.get(group, ())})), "")

    def _directories_of_packages(self) -> None:
        """Packages leave some of theirs behind, empty or with data. Where one of them stays, they are its business."""
        for entry in self.by_packages:
            found = self.host.directories.get(entry.target)
            if found is None:
                self.plan.settled.append(entry)
            elif not self.keep_data and below(entry.target, ["/var"]) and not self._staying(made_by(entry) or []):
                self.plan.add(Phase.LEFTOVERS, "rmtree", ("directory", entry.target, found.rights, None), entry)
            elif not any(name in self.host.packages for name in made_by(entry) or []) and found.files:
                self.plan.leave(f"directory {entry.target}", f"its package is gone, and it holds {_count(found.files)}")
            elif not self._staying(made_by(entry) or []):
                self.plan.add(Phase.LEFTOVERS, "rmdir", ("directory", entry.target, found.rights, None), entry)

    def _rights_of_user(self, entry: Entry) -> None:
        self.plan.add(Phase.ACCOUNTS, "user rights", ("user", entry.target, entry.is_, entry.was), entry)

    def _masks_and_holds(self) -> None:
        for entry in self._of("unit"):
            if entry.is_ != "masked":
                continue
            unit = self.host.units[entry.target]
            if not unit.masked:
                self.plan.settled.append(entry)
            elif unit.package and unit.package not in self.going:
                self.plan.leave(
                    f"unit {entry.target}",
                    f"masked, since {unit.package} stays. To let it start: systemctl unmask {entry.target}",
                )
            else:
                self.plan.add(Phase.MASKS, "unmask", ("unit", entry.target, "masked", None), entry)
        for entry in self._of("hold"):
            if entry.target in self.host.held:
                self.plan.add(Phase.ACCOUNTS, "unhold", ("hold", entry.target, "held", None), entry)
            else:
                self.plan.settled.append(entry)

    def _others(self) -> None:
        known = (
            *EFFECTS,
            "directory",
            "release",
            "symlink",
            "package",
            "postgresql",
            "unit",
            "file",
            "sysctl",
            "user",
            "group",
            "hold",
        )
        for entry in self.entries:
            if entry.kind in known:
                continue
            if entry.kind == "router" and below(PLATFORM_DATA[1], self.gone):
                continue
            self.plan.leave(
                f"{entry.kind} {entry.target}",
                f"it was {entry.was} and is {entry.is_}; the way back to Docker puts it back",
            )

    def _record(self) -> None:
        """The record goes last, and only where nothing is left that it must know of."""
        if LOADED in self.host.directories:
            self.plan.add(
                Phase.DIRECTORIES, "remove", ("directory", LOADED, self.host.directories[LOADED].rights, None)
            )
        if HOME not in self.host.directories:
            return
        if not self.plan.left:
            self.plan.add(Phase.RECORD, "forget", ("directory", HOME, self.host.directories[HOME].rights, None))
            return
        for path in self.host.books:
            if not (self.keep_data and path == f"{HOME}/migrations"):
                self.plan.add(Phase.DIRECTORIES, "remove", ("file", path, "what modules remember", None))
        self.plan.left.append(Left(f"directory {HOME}", "the record of state, which knows what is left here"))


def rights(value: Any) -> str:
    """Owner, group and mode out of either form in which the record has them."""
    return value if isinstance(value, str) else f"{value['owner']}:{value['group']} {value['mode'].zfill(4)}"


def _count(files: Collection[str]) -> str:
    return f"{len(files)} file{'s' if len(files) != 1 else ''}"
