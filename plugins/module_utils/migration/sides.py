# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who writes: for each migration group the side that serves it, for each datastore the side that may write.

Recorded on every host in ``sides.json`` and obeyed by plays, units and boots. Without a Compose project in the
inventory everything is native. With one, what is not recorded is on the Docker side. There are never two writers: a
writer changes from one side to the other by way of `none`.

A group may also *stand by*: its native processes run, on copies that are closed and follow, while Docker serves. That
changes neither side nor writer, and lasts through a change of sides.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..launcher import sides as record
from ..launcher.sides import DIRECTORY, DOCKER, FILE, NATIVE, NONE, SIDES, VERSION, SidesError
from . import faults
from .journal import write_whole

Catalogue = Mapping[str, Any]
STANDBY = "standby"
ADOPTION = Path("/var/lib/cryptobot-router/adoption.json")
"""There while the router has the ports of containers."""


@dataclass(frozen=True)
class Writer:
    """Of a datastore: its side, the run that made it so, and since when (UTC)."""

    side: str
    run: str = ""
    since: str = ""

    def as_dict(self) -> dict[str, str]:
        return {
            "writer": self.side,
            **({"run": self.run} if self.run else {}),
            **({"since": self.since} if self.since else {}),
        }


@dataclass(frozen=True)
class Sides:
    """The record of one host. Changed by making another one, and saved as a whole."""

    groups: Mapping[str, str]
    writers: Mapping[str, Writer]
    directory: Path = field(default=DIRECTORY, compare=False)
    standby: frozenset[str] = frozenset()

    @classmethod
    def read(cls, directory: Path | str, catalogue: Catalogue, compose: Mapping[str, Any] | None) -> Sides:
        """``catalogue``: the resolved one, or its :func:`outline`. ``compose``: `cryptobot_compose`, or `None`.

        Raises :class:`SidesError` for a damaged record.
        """
        found = record.read(directory) or record.Record({}, {})
        default = DOCKER if compose else NATIVE
        recorded = {
            name: Writer(one["writer"], one.get("run", ""), one.get("since", ""))
            for name, one in found.datastores.items()
        }
        return cls(
            {**dict.fromkeys(catalogue["migration_groups"], default), **found.groups},
            {**{name: Writer(default) for name in catalogue["datastores"]}, **recorded},
            Path(directory),
            frozenset(found.standby),
        )

    def group(self, name: str) -> str:
        """The side that serves a migration group: docker, native, or none while it is stopped on both."""
        return self._known(self.groups, name, "migration group")

    def writer(self, datastore: str) -> str:
        """The side that may write: docker, native, or none."""
        return self._known(self.writers, datastore, "datastore").side

    def service(self, service: Mapping[str, Any]) -> str:
        """The side of a service of the catalogue; `none` while neither side may run it. What is lent to it may be on either
        side while it is native."""
        group, lent = self.group(service["migration_group"]), service.get("lent") or ()
        found = {group, *(self.writer(name) for name in service["uses"] if not (name in lent and group == NATIVE))}
        stopped = any(self.writer(name) == NONE for name in lent)
        return found.pop() if len(found) == 1 and not stopped else NONE

    def with_group(self, name: str, side: str) -> Sides:
        self._known(self.groups, name, "migration group")
        return replace(self, groups={**self.groups, name: _side(side)})

    def with_standby(self, name: str, on: bool) -> Sides:
        self._known(self.groups, name, "migration group")
        return replace(self, standby=self.standby | {name} if on else self.standby - {name})

    def with_writer(self, datastore: str, side: str, run: str = "", since: str = "") -> Sides:
        """Raises :class:`SidesError` for a step from one side to the other that leaves out `none`."""
        was = self.writer(datastore)
        if _side(side) == was:
            return self
        if NONE not in (was, side):
            raise SidesError(
                f"The writer of the datastore {datastore} is {was} and cannot become {side} at once: there would "
                f"be two for a moment. Close it first (writer {NONE}), then open the other side."
            )
        at = since or datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        return replace(self, writers={**self.writers, datastore: Writer(side, run, at)})

    def save(self) -> None:
        """On disk, whole, before it returns. The folder is root's alone; units read it by a condition run as root."""
        faults.point("begin:sides")
        write_whole(self.directory / FILE, self.text(), 0o644)
        faults.point("done:sides")

    def text(self) -> str:
        document = {
            "version": VERSION,
            "groups": dict(self.groups),
            "datastores": {name: writer.as_dict() for name, writer in self.writers.items()},
            **({"standby": sorted(self.standby)} if self.standby else {}),
        }
        return json.dumps(document, indent=1, sort_keys=True) + "\n"

    def fact(self, catalogue: Catalogue, published: Iterable[int] = ()) -> dict[str, Any]:
        """What roles take as their `<role>_sides`."""
        return {
            "groups": {name: self.group(name) for name in catalogue["migration_groups"]},
            "datastores": {name: self.writer(name) for name in catalogue["datastores"]},
            "services": {name: self.service(service) for name, service in catalogue["services"].items()},
            "published": sorted(set(published)),
            "standby": sorted(self.standby & set(catalogue["migration_groups"])),
        }

    def changes_from(self, before: Sides) -> list[tuple[str, str, str, str]]:
        """Kind, target, was and is of whatever differs."""
        groups = [("group", name, before.groups[name], side) for name, side in self.groups.items()]
        stores = [("datastore", name, before.writers[name].side, writer.side) for name, writer in self.writers.items()]
        words = {True: "stands by", False: "does not stand by"}
        standby = [
            ("standby", name, words[name in before.standby], words[name in self.standby])
            for name in sorted(self.standby | before.standby)
        ]
        found = [*groups, *stores, *standby]
        return [("side", f"{what} {name}", was, is_) for what, name, was, is_ in found if was != is_]

    @staticmethod
    def _known(among: Mapping[str, Any], name: str, what: str) -> Any:
        if name not in among:
            raise SidesError(f"{name} is no {what} of the catalogue; there are {', '.join(sorted(among))}.")
        return among[name]


def _side(text: str) -> str:
    if text not in SIDES:
        raise SidesError(f"{text} is no side; it is one of {', '.join(SIDES)}.")
    return text


def outline(catalogue: Catalogue) -> dict[str, Any]:
    """Of the resolved catalogue what sides are made of, under the same keys."""
    return {
        "migration_groups": list(catalogue["migration_groups"]),
        "datastores": {name: {} for name in catalogue["datastores"]},
        "services": {
            name: {
                "migration_group": service["migration_group"],
                "uses": {store: {} for store in service["uses"]},
                "lent": list(service.get("lent") or ()),
            }
            for name, service in catalogue["services"].items()
        },
    }


def unread(catalogue: Catalogue) -> dict[str, Any]:
    """The fact where a Compose project is given and nobody has looked at a host's record: all is on the Docker side."""
    groups, writers = (
        dict.fromkeys(catalogue["migration_groups"], DOCKER),
        {name: Writer(DOCKER) for name in catalogue["datastores"]},
    )
    return Sides(groups, writers).fact(catalogue) | {"reserved_ports": ""}


def is_native(sides: Mapping[str, Any] | None, kind: str, name: str) -> bool:
    """Whether a thing of a ``kind`` (services, datastores, groups) is native by the fact; all are without one."""
    return not sides or sides[kind].get(name, DOCKER) == NATIVE


def process_side(sides: Mapping[str, Any] | None, service: Mapping[str, Any], exclusive: bool) -> str:
    """Of a service's process by the fact: a side, or `standby` where it runs although Docker serves."""
    if not sides:
        return NATIVE
    side = str(sides["services"].get(service["name"], DOCKER))
    stands_by = side == DOCKER and not exclusive and service["migration_group"] in sides.get("standby", ())
    return STANDBY if stands_by else side


def undeclared(directory: Path | str = DIRECTORY, adoption: Path = ADOPTION) -> str:
    """Why a play that knows of no Compose project must not go on here: a record knows of one. Empty where it may."""
    if adoption.exists():
        return (
            f"{adoption} of this host says that ports of containers are adopted, and the inventory has no "
            "cryptobot_compose: their clients would be led to doors that are closed. Set it, for example "
            "cryptobot_compose: {project: cryptobot, directory: /srv/cryptobot}, and run release_ports first."
        )
    found = record.read(directory)
    away = [name for name, side in found.groups.items() if side != NATIVE] if found else []
    away += [name for name in found.datastores if found.writer(name) != NATIVE] if found else []
    if not away:
        return ""
    return (
        f"{Path(directory) / FILE} of this host says that {', '.join(sorted(set(away)))} are not on the native side, "
        "and the inventory has no cryptobot_compose: what would be started here could be a second writer. Set it, for "
        "example cryptobot_compose: {project: cryptobot, directory: /srv/cryptobot}."
    )


__all__ = [
    "DIRECTORY",
    "DOCKER",
    "FILE",
    "NATIVE",
    "NONE",
    "SIDES",
    "STANDBY",
    "Sides",
    "SidesError",
    "Writer",
    "is_native",
    "outline",
    "process_side",
    "undeclared",
    "unread",
]
