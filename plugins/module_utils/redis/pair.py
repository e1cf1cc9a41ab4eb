# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One Redis of a window: its steps on both sides, by the same methods as a database's (cutover/databases.py).

The first store of the window decides; a Redis follows that decision. Each change names its epoch, or may be repeated.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from dataclasses import replace
from typing import Any

from ..migration import faults
from ..postgresql.fence.definitions import CLOSED, OPEN
from ..postgresql.fence.errors import NotOurs
from ..postgresql.fence.row import Window
from . import follow
from .client import PACKET_MARK, Connection, RedisError
from .endpoint import Endpoint, keeps_users
from .fence import sessions
from .fence.book import Book, Page
from .fence.fence import Fence, Found
from .fence.rights import Commands, User
from .instances import Instance
from .wall import Address, Wall, Walls, address

CATCH_UP_SECONDS = 3.0
SYNC_SECONDS = 1800.0
MOST_LAG = 1_000_000
REACH_SECONDS = 2.0


class Pair:
    """``intent`` has id, source, target and epoch; ``name`` is what its sessions are called."""

    def __init__(self, intent: Any, instance: Instance, name: str) -> None:
        self.intent, self.database = intent, instance
        self._name = name.replace(" ", "-")
        self._sessions: dict[str, Connection] = {}
        self._endpoints: dict[str, Endpoint] = {}
        self._commands: dict[str, Commands] = {}
        self._book, self._offset = Book(instance.book), 0

    # Sessions

    @property
    def datastore(self) -> str:
        return self.database.datastore

    def endpoint(self, end: str) -> Endpoint:
        """``end``: source or target."""
        if end not in self._endpoints:
            self._endpoints[end] = Endpoint.from_options(getattr(self.database, f"{end}_server"))
        return self._endpoints[end]

    def page(self, end: str) -> Page:
        return self._book.page(self._side(end))

    def session(self, end: str) -> Connection:
        if end not in self._sessions:
            self._sessions[end] = sessions.controller(self.endpoint(end), self.page(end), self._name, self._mark)
        return self._sessions[end]

    def forget(self) -> None:
        """Close the sessions; addresses are asked for again, too."""
        for session in self._sessions.values():
            with suppress(Exception):
                session.__exit__()
        self._sessions.clear()
        self._endpoints.clear()
        self._commands.clear()

    def end_sessions(self, name: str, done: set[tuple[str, int]]) -> None:
        """Those of that name, on both servers."""
        for end in ("source", "target"):
            server = self.endpoint(end)
            where = (server.path or server.host, 0 if server.path else server.port)
            if where not in done:
                sessions.end_all(self.session(end), name.replace(" ", "-"))
                done.add(where)

    def writes(self, end: str) -> bool:
        """Whether applications write there."""
        found = self.fence(end).found()
        return found.master and bool(found.writers)

    def title(self, end: str) -> str:
        return self.endpoint(end).title

    def fence(self, end: str) -> Fence:
        window = Window(self.intent.id, self.intent.target)
        fence = Fence(self.session(end), self.title(end), window, self._commands.get(end))
        self._commands[end] = fence.commands
        return fence

    # Before a window

    def follow(self, seconds: float = SYNC_SECONDS) -> None:
        """The source has its fence, open; the target is closed, and follows it. May be repeated."""
        fence = self.fence("source")
        if not (found := fence.found()).master:
            raise RedisError(f"{self.title('source')} follows another server itself, so nothing can be moved from it")
        if found.row is None:
            fence.install(0)
        elif found.row.state != OPEN:
            raise RedisError(f"{self.title('source')} is {found.row}, and only an open one is followed")
        self._take_target()
        self._follow_source()
        follow.wait(self.session("target"), self.title("target"), seconds)

    def let_go(self) -> None:
        """The target follows no more, and its users have the rights of before. May be repeated."""
        follow.promote(self.session("target"))
        self.fence("target").give_back(self.page("target").users)
        self._wall_down("target")

    def obstacles(self) -> tuple[list[str], tuple[int, ...]]:
        """Sentences about what stands against a window, and the epochs that are there, the source's first."""
        source, target = self.fence("source").found(), self.fence("target").found()
        title, other, wrong = self.title("source"), self.title("target"), []
        if not source.master:
            wrong.append(f"{title} follows another server, and writes nothing itself.")
        if source.row is None:
            wrong.append(f"{title} has no key of its fence: it was emptied, or nobody follows it. Follow it again.")
        elif source.row.state != OPEN:
            wrong.append(f"{title} is {source.row}: the source must be open.")
        if target.writers:
            wrong.append(f"{other} lets {', '.join(target.writers)} write. Begin to follow again.")
        wrong += self._behind() + self._unheard()
        return wrong, (source.row.epoch,) if source.row else ()

    def _behind(self) -> list[str]:
        found, title = follow.link(self.session("target")), self.title("target")
        if not found.to(*self._place("source")):
            return [f"{title} does not follow {self.title('source')}. Begin that first."]
        if not found.up:
            return [f"{title} is not connected with {self.title('source')}, or has not got all of it yet."]
        lag = follow.link(self.session("source")).offset - found.offset
        return [f"{title} is behind by {lag} bytes."] if lag > MOST_LAG else []

    def _unheard(self) -> list[str]:
        """Where the target does not listen the source could never follow it back. A container's own address may be walled."""
        if not self.database.reached:
            return []
        host, port = self._place("target")
        try:
            socket.create_connection((host, port), REACH_SECONDS).close()
        except OSError as error:
            return [
                f"{self.title('target')} does not answer at {host}:{port} ({error}), where the other side is to follow it "
                "afterwards. Bring its settings up to date: ansible-playbook cryptobot.native.site"
            ]
        return []

    # The window

    def prepare(self) -> None:
        """Everyone's rights at the source, on disk while they are whole."""
        self._keep("source", self.fence("source"))

    def arm(self) -> None:
        """The target, closed; its key is the source's."""
        self._take_target()

    def close(self, grace: float, end: bool) -> None:
        """The source: rights taken and nobody served who waits; then the wall, for rights that a restart forgets.

        There is nobody to wait for, or to end: whatever was begun before has ended.
        """
        fence, page = self.fence("source"), self.page("source")
        faults.part("rights", lambda: fence.close(self.intent.epoch, self.database.before, page.users))
        faults.part("wall", self._wall_up)

    def mark(self) -> None:
        self._offset = follow.mark(self.session("source"), self.intent.id)

    def wait_for_mark(self) -> None:
        """From here on the target has everything that was written at the source."""
        title = self.title("target")
        follow.wait_for_mark(self.session("target"), self.intent.id, self._offset, CATCH_UP_SECONDS, title)

    def copy_sequences(self) -> None:
        """Redis has none."""

    def check(self) -> None:
        """The source is what was closed: one that started again could have had writers."""
        found = self.fence("source").found()
        if found.writers or found.row is None or (found.row.state, found.row.epoch) != (CLOSED, self.intent.epoch):
            raise RedisError(f"{self.title('source')} is not closed any more: it is {found.row or 'without a fence'}")

    def point(self) -> None:
        """Nothing more comes in, whatever happens to the source."""
        follow.detach(self.session("target"), self.intent.id, self.title("target"))

    def open(self) -> None:
        """The target, which stands alone from here on. May be repeated."""
        fence, epoch = self.fence("target"), self.intent.epoch
        row = fence.row()
        if row is None or row.epoch != epoch:
            raise NotOurs(f"{self.title('target')} was not opened at epoch {epoch}: it is {row or 'without a fence'}.")
        faults.part("promote", lambda: follow.promote(self.session("target")))
        faults.part("rights", lambda: fence.open(epoch, self._rights(fence.found())))
        faults.part("wall", lambda: self._wall_down("target"))

    def is_open(self) -> bool:
        """Whether the target is open at this window's epoch, which it can only be after the hand-over."""
        found = self.fence("target").found()
        row = found.row
        return found.master and row is not None and (row.state, row.epoch) == (OPEN, self.intent.epoch)

    def drop_forward(self) -> None:
        """It ended as the target was promoted."""

    def follow_back(self) -> None:
        """The old one stays current, closed. May be repeated, also when it has started again and forgot everything."""
        page = self.page("target")
        faults.part("follower", lambda: sessions.make_follower(self.session("target"), page))
        self.fence("target").save()
        faults.part("book", lambda: self._book.opened(self._side("target")))
        source = self.session("source")
        faults.part("rights", self.fence("source").take)
        faults.part("wall", self._wall_up)
        faults.part("follow", lambda: follow.begin(source, *self._place("target"), page))

    # Giving up

    def reopen(self) -> None:
        page = self.page("source")
        fence, users = self.fence("source"), page.users if page.closed else {}
        faults.part("rights", lambda: fence.reopen(self.intent.epoch, users))
        faults.part("wall", lambda: self._wall_down("source"))
        faults.part("book", lambda: self._book.opened(self._side("source")))

    def follow_on(self) -> None:
        self._follow_source()

    def disarm(self) -> None:
        """The target, closed as it was."""
        self._take_target()

    def drop_reverse(self) -> None:
        """It had not begun."""

    # Parts

    def _side(self, end: str) -> str:
        return str(getattr(self.intent, end))

    @property
    def _mark(self) -> int:
        return PACKET_MARK if self.database.walled else 0

    def _keep(self, end: str, fence: Fence) -> None:
        found = fence.found()
        self._book.keep(self._side(end), [(user, name in found.writers) for name, user in found.users.items()])

    def _take_target(self) -> None:
        fence = self.fence("target")
        self._keep("target", fence)
        fence.take()

    def _follow_source(self) -> None:
        page = self.page("source")
        sessions.make_follower(self.session("source"), page)
        self.fence("source").save()
        follow.begin(self.session("target"), *self._place("source"), page)

    def _place(self, end: str) -> Address:
        """Where the other server reaches this one."""
        server, named = self.endpoint(end), self.database.reached if end == "target" else self.database.sought
        return str(named.get("host") or server.host), int(named.get("port") or server.port)

    def _rights(self, found: Found) -> dict[str, User]:
        """What users of the target get: the catalogue's, else what they had."""
        kept = self.page("target").users
        known = {name: kept.get(name, user) for name, user in found.users.items()}
        rights = self.database.rights
        return {name: replace(user, commands=rights.get(name, user.commands)) for name, user in known.items()}

    # The wall

    def _wall_up(self) -> None:
        """Round a source that keeps its users in no file; the connection that the target follows by passes."""
        source = self.session("source")
        if not self.database.walled or keeps_users(source):
            return
        ends = [each["addr"].rpartition(":") for each in sessions.clients(source) if "S" in each.get("flags", "")]
        links = tuple((host.strip("[]"), int(port)) for host, __, port in ends)
        wall = Wall(self._wall("source"), dict(self.database.source_server), address(self.endpoint("source")), links)
        Walls(self.database.folder).put(wall)

    def _wall_down(self, end: str) -> None:
        """Of the one that may be written to again, and of no other."""
        if self.database.walled:
            Walls(self.database.folder).remove(self._wall(end))

    def _wall(self, end: str) -> str:
        return f"{self.datastore} {self._side(end)}"
