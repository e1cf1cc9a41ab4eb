# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One database of a window: its steps on both sides, each a compare-and-set or one that may be repeated.

Another kind of datastore takes part in a window by the same methods.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ..migration import faults
from ..postgresql import sequences
from ..postgresql.endpoint import Endpoint
from ..postgresql.fence import row, sessions
from ..postgresql.fence.call import close_checked
from ..postgresql.fence.definitions import CLOSED, OPEN
from ..postgresql.fence.errors import FenceError
from ..postgresql.follow import publisher, subscriber, turn, watch
from .intent import Database, Intent

CATCH_UP_SECONDS = 3.0
DDL_SECONDS = 10.0
GONE_SECONDS, LOOK_SECONDS = 2.0, 0.002
_END = "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE application_name = %s"
_THERE = "SELECT 1 FROM pg_catalog.pg_stat_activity WHERE application_name = %s"


class Pair:
    """``name`` is the ``application_name`` of its sessions, which are opened at first use and kept."""

    def __init__(self, intent: Intent, database: Database, name: str) -> None:
        self.intent, self.database, self._name = intent, database, name
        self._sessions: dict[str, Any] = {}
        self._endpoints: dict[str, Endpoint] = {}
        self.forward = publisher.name_of(database.datastore, intent.target)
        self.reverse = publisher.name_of(database.datastore, intent.source)

    @property
    def datastore(self) -> str:
        return self.database.datastore

    # Sessions

    def endpoint(self, end: str) -> Endpoint:
        """``end``: source or target."""
        if end not in self._endpoints:
            self._endpoints[end] = Endpoint.from_options(getattr(self.database, f"{end}_server"))
        return self._endpoints[end]

    def session(self, end: str) -> Any:
        if end not in self._sessions or self._sessions[end].closed:
            name = getattr(self.database, end)
            self._sessions[end] = sessions.controller(self.endpoint(end), name, self._name)
        return self._sessions[end]

    def forget(self) -> None:
        """Close the sessions; addresses are asked for again, too."""
        for session in self._sessions.values():
            with suppress(Exception):
                session.close()
        self._sessions.clear()
        self._endpoints.clear()

    def end_sessions(self, name: str, done: set[tuple[str, int]]) -> None:
        """End every session with this name on both servers, and see them gone. ``done``: servers that are done."""
        for end in ("source", "target"):
            server = self.endpoint(end)
            if (server.host, server.port) in done:
                continue
            with server.cursor() as cursor:
                cursor.execute(_END, (name,))
                cursor.execute(_THERE, (name,))
                until = time.monotonic() + GONE_SECONDS
                # pg_terminate_backend with a time-out looks every 100 ms only.
                while cursor.fetchone() and time.monotonic() < until:
                    time.sleep(LOOK_SECONDS)
                    cursor.execute(_THERE, (name,))
            done.add((server.host, server.port))

    def title(self, end: str) -> str:
        return f"{self.endpoint(end).title}, database {getattr(self.database, end)}"

    def fence(self, end: str) -> row.Fence:
        return row.Fence(self.session(end), self.title(end), row.Window(self.intent.id, self.intent.target))

    def _cursors(self, work: Callable[[Any, Any], Any]) -> Any:
        with self.session("source").cursor() as source, self.session("target").cursor() as target:
            return work(source, target)

    # The window

    def prepare(self) -> None:
        """The slot of the way back, which keeps changes from now on."""
        turn.prepare(self.session("target"), self.reverse, DDL_SECONDS)

    def arm(self) -> None:
        self.fence("target").arm(self.intent.epoch)

    def close(self, grace: float, end: bool) -> None:
        """The source: on disk, then older writers gone, then the fence seen whole."""
        fence = self.fence("source")
        faults.part("row", lambda: fence.close(self.intent.epoch, self.database.before))
        close_checked(fence, self.title("source"), grace, end)

    def mark(self) -> None:
        with self.session("source").cursor() as cursor:
            subscriber.mark(cursor, self.intent.id)

    def wait_for_mark(self) -> None:
        """From here on the target has everything that was committed at the source."""
        with self.session("target").cursor() as cursor:
            subscriber.wait_for_mark(cursor, self.intent.id, CATCH_UP_SECONDS, self.title("target"))

    def copy_sequences(self) -> None:
        self._cursors(lambda source, target: sequences.set_states(target, sequences.states(source)))

    def check(self) -> None:
        """What is not followed and came between the guard and the closing."""
        with self.session("source").cursor() as cursor:
            if wrong := obstacles(cursor):
                raise FenceError(f"{self.title('source')}: {' '.join(wrong)}")

    def point(self) -> None:
        """Nothing more comes in, and the way back begins here."""
        with self.session("target").cursor() as cursor:
            turn.point(cursor, self.forward, self.reverse)

    def hand_over(self) -> None:
        self.fence("source").hand_over(self.intent.epoch)

    def open(self) -> None:
        self.fence("target").open(self.intent.epoch)

    def is_open(self) -> bool:
        """Whether the target is open at this window's epoch, which it can only be after the hand-over."""
        found = self.fence("target").row()
        return (found.state, found.epoch) == (OPEN, self.intent.epoch)

    def drop_forward(self) -> None:
        """Seen gone: both directions at once would loop."""
        turn.drop_forward(
            self.session("source"), self.session("target"), self.database.datastore, self.forward, DDL_SECONDS
        )

    def follow_back(self) -> None:
        self._cursors(
            lambda source, target: turn.follow_back(
                source,
                target,
                self.reverse,
                self.database.datastore,
                self.endpoint("target"),
                self.database.target,
                self.database.reached,
            )
        )

    # Giving up

    def reopen(self) -> None:
        self.fence("source").reopen(self.intent.epoch)

    def follow_on(self) -> None:
        """The way there goes on, if the window had stopped it."""
        with self.session("target").cursor() as cursor:
            if subscriber.find(cursor, self.forward) is not None:
                subscriber.enable(cursor, self.forward)

    def disarm(self) -> None:
        """The target, closed at the next epoch, so that a late opening fails."""
        fence, after = self.fence("target"), self.intent.epoch + 1
        found = fence.row()
        if not (found.state == CLOSED and found.epoch >= after):
            fence.arm(after)

    def drop_reverse(self) -> None:
        publisher.withdraw(self.session("target"), self.database.datastore, self.reverse, DDL_SECONDS)


def obstacles(cursor: Any) -> list[str]:
    """Sentences about what is in a source and is not followed."""
    late = publisher.unpublished(cursor)
    named = [f"The table {table} is not followed: it was made since the copy." for table in late]
    return [*watch.look(cursor).sentences(), *named]
