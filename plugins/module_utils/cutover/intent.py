# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a window means to do, on disk before it does anything: all that a recovery needs to finish it or to undo it.

Whoever changes it has the router's lock, or the recovery's. It holds no password: servers are named as the module's
options name them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ..migration import lock
from ..migration.journal import now, sync_folder, write_whole
from ..redis.instances import Instance
from ..router.boot import INTENT
from ..router.maps import DIRECTORY
from .errors import CutoverError, Decided

ENDED = "ended.json"
"""How the last window ended."""
RECOVERY_LOCK = "recovery.lock"
VERSION, MODE = 1, 0o600


@dataclass(frozen=True)
class Database:
    """A database that changes sides. ``before``: the epoch at which its source was seen open. Servers are options of
    `Endpoint`; ``reached`` is how the source's server reaches the target's, where that differs."""

    datastore: str
    source_server: Mapping[str, Any]
    source: str
    target_server: Mapping[str, Any]
    target: str
    reached: Mapping[str, Any] = field(default_factory=dict)
    before: int = 0


@dataclass(frozen=True)
class Folder:
    """A directory or a SQLite file that changes sides, without ``file`` the former. Places and ``ownership`` are options as
    those of `files.call.task`; ``accept``: decisions about its findings that have been made."""

    datastore: str
    source: Mapping[str, Any]
    target: Mapping[str, Any]
    ownership: Mapping[str, Any]
    file: str = ""
    accept: tuple[str, ...] = ()
    before: int = 0


@dataclass(frozen=True)
class Solo:
    """Processes that run on one side alone and change it in the window: the Compose services of a ``project``, the
    ``units`` that start on the native side, and all ``slots``, units that may run there. ``borrowers`` are units of other
    groups, native before and after, that find a datastore in its other place."""

    project: str = ""
    containers: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    slots: tuple[str, ...] = ()
    borrowers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Intent:
    """``groups``: migration groups whose requests change sides; ``held``: those that wait meanwhile, which also holds
    users of the same datastores that stay. Sides: docker or native. ``databases`` by name of datastore: the first one's
    source is the coordinator."""

    id: str
    source: str
    target: str
    epoch: int
    groups: tuple[str, ...]
    databases: tuple[Database, ...]
    doors: tuple[Mapping[str, Any], ...] = ()
    held: tuple[str, ...] = ()
    every_method: bool = False
    sides: str = ""
    controller: Mapping[str, Any] = field(default_factory=dict)
    began: str = ""
    decided: bool = False
    caches: tuple[Instance, ...] = ()
    folders: tuple[Folder, ...] = ()
    solo: Solo = Solo()
    outlets: tuple[str, ...] = ()
    """Groups of which one side alone may connect to some networks."""

    @property
    def stores(self) -> tuple[Database | Instance | Folder, ...]:
        """All that change sides, the one that decides first."""
        return (*self.databases, *self.caches, *self.folders)

    def of(self, process: Mapping[str, Any]) -> Intent:
        """The same, as this process begins it now."""
        return replace(self, controller=dict(process), began=now())

    def text(self) -> str:
        """``groups`` are what a boot holds again: all that this window holds."""
        document = {**asdict(self), "version": VERSION, "groups": list(self.held), "moved": list(self.groups)}
        return json.dumps(document, indent=1, sort_keys=True) + "\n"

    @classmethod
    def parsed(cls, text: str) -> Intent:
        """Raises ValueError, KeyError or TypeError for what is none of this version."""
        document = json.loads(text)
        if document.pop("version") != VERSION:
            raise ValueError("it is of another version")
        held, document["groups"] = tuple(document["groups"]), tuple(document.pop("moved"))
        document["databases"] = tuple(Database(**each) for each in document["databases"])
        document["caches"] = tuple(Instance(**each) for each in document.get("caches", ()))
        folders = document.get("folders", ())
        document["folders"] = tuple(Folder(**{**each, "accept": tuple(each["accept"])}) for each in folders)
        solo = document.get("solo", {})
        document["outlets"] = tuple(document.get("outlets", ()))
        document["solo"] = Solo(**{name: value if name == "project" else tuple(value) for name, value in solo.items()})
        return cls(**{**document, "held": held, "doors": tuple(document["doors"])})


class Intents:
    """The file below the router's directory, on the edge host."""

    def __init__(self, directory: Path | str = DIRECTORY) -> None:
        self.directory = Path(directory)
        self.path = self.directory / INTENT

    def read(self) -> Intent | None:
        """None where no window is under way. Raises CutoverError for a damaged file."""
        try:
            return Intent.parsed(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CutoverError(
                f"{self.path}, the intent of a cutover, cannot be read ({error!r}). Nothing is decided without it. See on "
                f"both servers which side is open: psql -d NAME -c 'TABLE migration.fence'. Where exactly one is: rm "
                f"{self.path}; ansible cryptobot_docker -m cryptobot.native.router_hold -a state=released; then run the "
                "same command again. Where none is, open the source first, at the epoch of its row: ansible "
                "cryptobot_docker -m cryptobot.native.postgresql_fence -a '{\"server\": {\"container\": {\"project\": "
                "\"PROJECT\", \"service\": \"SERVICE\"}}, \"databases\": [\"NAME\"], \"state\": \"open\", \"epoch\": EPOCH}' (a "
                "native source: {\"local\": {}})."
            ) from None

    def write(self, intent: Intent) -> None:
        """On disk before it returns."""
        write_whole(self.path, intent.text(), MODE)

    def remove(self) -> None:
        """The window has ended. May be repeated."""
        self.path.unlink(missing_ok=True)
        sync_folder(self.directory)

    def own(self, intent: Intent) -> None:
        """Raises Decided unless the window is still this controller's."""
        there = self.read()
        if there is None or there.id != intent.id or there.decided:
            raise Decided(f"The window {intent.id} is not this process's any more: its recovery has begun.")

    def ended(self, intent: Intent, how: str, more: Mapping[str, Any]) -> None:
        """Keep how it ended, before the intent goes."""
        document = {"id": intent.id, "how": how, "target": intent.target, "at": now(), **more}
        write_whole(self.directory / ENDED, json.dumps(document, indent=1, sort_keys=True) + "\n", MODE)

    def outcome(self, window: str) -> dict[str, Any] | None:
        """How a window ended; None where it has not, or another one has ended since."""
        try:
            document = json.loads((self.directory / ENDED).read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None
        return document if document.get("id") == window else None


def myself() -> dict[str, Any]:
    """The controller, as a recovery finds it again."""
    found = lock.process(os.getpid())
    return {key: found[key] for key in ("host", "boot", "pid", "started")}
