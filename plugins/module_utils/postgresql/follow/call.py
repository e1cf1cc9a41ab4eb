# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A database that is copied while it is written to and then follows its source, change by change.

The copy is made on the snapshot at which the slot begins, so that nothing is missing between the two and nothing is
there twice. Fence, subscription and keys are in the fresh database before it gets its name: what has the name, follows.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from ...migration.journal import Journal
from .. import sequences
from ..endpoint import Endpoint
from ..fence import install, look, patience, sessions
from ..fence.definitions import CLOSED, OPEN, SCHEMA
from ..transfer import database
from ..transfer.call import Transfer, Wish
from . import entry, keys, publisher, subscriber, watch
from .errors import FollowError

NATIVE = "native"


@dataclass(frozen=True)
class State:
    """``lag`` in bytes; ``obstacles`` are sentences about what is not followed."""

    following: bool
    lag: int = 0
    room: int | None = None
    waiting: int = 0
    errors: int | None = None
    obstacles: tuple[str, ...] = ()

    def described(self) -> dict[str, Any]:
        return {
            "following": self.following,
            "lag_bytes": self.lag,
            "room_bytes": self.room,
            "tables_waiting": self.waiting,
            "apply_errors": self.errors,
            "obstacles": list(self.obstacles),
        }


@dataclass
class Follow:
    """All databases of one call. ``reached``: host and port at which the target reaches the source, where they
    differ."""

    journal: Journal
    run: str
    source: Endpoint
    target: Endpoint
    wishes: Sequence[Wish]
    jobs: int = 0
    patience: float = 120.0
    direction: str = NATIVE
    reached: Mapping[str, Any] = field(default_factory=dict)

    def needed(self) -> list[str]:
        """Datastores that do not follow yet, or follow a server that has another address by now."""
        return [wish.datastore for wish in self.wishes if not self.state(wish).following or self._moved(wish)]

    def shown(self) -> dict[str, dict[str, Any]]:
        """By datastore, for results."""
        return {wish.datastore: self.state(wish).described() for wish in self.wishes}

    def there(self, copies: bool = False) -> list[str]:
        """Datastores of which a slot, a publication or a subscription is left; ``copies``: or a closed copy."""
        return [wish.datastore for wish in self.wishes if any(self._left(wish)) or (copies and self._is_copy(wish))]

    def existing(self) -> set[str]:
        """Names of databases that the target has."""
        with self.target.cursor() as cursor:
            return {wish.target for wish in self.wishes if database.find(cursor, wish.target) is not None}

    def begin(self) -> dict[str, Any]:
        """Copies and follows what does not follow yet; what was cut off begins anew. Gives the evidence of the
        copies. What follows a server that has another address by now is led there."""
        found: dict[str, Any] = {}
        for wish in self.wishes:
            if not self._resumed(wish):
                self._refuse_open(wish)
                found[wish.datastore] = self._begin(wish)
        return found

    def state(self, wish: Wish) -> State:
        name = self._name(wish)
        with self.target.cursor() as cursor:
            there = database.find(cursor, wish.target)
        if there is None:
            return State(False)
        with self.target.cursor(wish.target) as cursor:
            subscription = subscriber.find(cursor, name)
        with self.source.cursor(wish.source) as cursor:
            slot = publisher.slot(cursor, name)
            if subscription is None or slot is None:
                return State(False)
            obstacles = watch.look(cursor).sentences()
            obstacles += [
                f"The table {table} is not followed: it was made since the copy."
                for table in publisher.unpublished(cursor)
            ]
        if slot.lost:
            obstacles.insert(
                0, f"The slot {name} was given up at max_slot_wal_keep_size. End the following and copy again."
            )
        whole = subscription.enabled and not slot.lost
        return State(whole, slot.lag, slot.room, subscription.waiting, subscription.errors, tuple(obstacles))

    def catch_up(self, seconds: float) -> dict[str, float]:
        """Until everything that was committed before this call is at the target; then the sequences, exactly."""
        took = {}
        for wish in self.wishes:
            state, title = self.state(wish), f"{self.target.title}, database {wish.target}"
            if not state.following:
                raise FollowError(f"{title} does not follow. Begin that first (state: following).")
            if state.obstacles:
                raise FollowError(f"{title}: {' '.join(state.obstacles)}")
            id_ = f"{self.run}-{secrets.token_hex(8)}"
            with (
                closing(self._session(self.source, wish.source)) as source,
                closing(self._session(self.target, wish.target)) as target,
            ):
                with source.cursor() as one, target.cursor() as other:
                    subscriber.mark(one, id_)
                    took[wish.datastore] = subscriber.wait_for_mark(other, id_, seconds, title)
                    sequences.set_states(other, sequences.states(one))
        return took

    def end(self, copies: bool = False) -> bool:
        """Removes subscription, slot, publication, reader and keys, and sees them gone; whether there were any.
        ``copies``: databases that were closed as they followed, too."""
        gone = False
        for wish in self.wishes:
            gone |= self._end(wish)
            if copies and self._is_copy(wish):
                with self.target.cursor() as cursor:
                    gone |= database.drop(cursor, wish.target)
        return gone

    def _is_copy(self, wish: Wish) -> bool:
        """Whether there is a database that nobody may write to, since it followed; never where the source is not open."""
        with self.target.cursor() as cursor:
            if database.find(cursor, wish.target) is None:
                return False
        with self.target.cursor(wish.target) as cursor:
            row = look.gather(cursor).row
        with self.source.cursor(wish.source) as cursor:
            there = look.gather(cursor).row
        writes = there is None or there.state == OPEN
        return writes and row is not None and row.state != OPEN

    def _resumed(self, wish: Wish) -> bool:
        """Whether it follows, or was cut off right before it was told to."""
        if self.state(wish).following:
            if self._moved(wish):
                self._lead_again(wish)
            return True
        with self.target.cursor() as cursor:
            there = database.find(cursor, wish.target)
        if there is None:
            return False
        with self.target.cursor(wish.target) as cursor:
            subscription = subscriber.find(cursor, self._name(wish))
            if subscription is None:
                return False
            with self.source.cursor(wish.source) as source:
                slot = publisher.slot(source, self._name(wish))
            if slot is None or slot.lost:
                raise FollowError(
                    f"{self.target.title}, database {wish.target} follows a slot that is gone. End that (state: "
                    f"absent), drop or rename the "
                    "database, then begin again."
                )
        if not subscription.enabled:
            with closing(self._session(self.target, wish.target)) as target, target.cursor() as cursor:
                subscriber.enable(cursor, self._name(wish))
        return True

    def _moved(self, wish: Wish) -> bool:
        """Whether a database that follows looks for its source where that is no more."""
        with self.target.cursor(wish.target) as cursor:
            return subscriber.place(cursor, self._name(wish)) != publisher.place(self.source, self.reached)

    def _lead_again(self, wish: Wish) -> None:
        with (
            closing(self._session(self.source, wish.source)) as source,
            closing(self._session(self.target, wish.target)) as target,
            source.cursor() as one,
            target.cursor() as other,
        ):
            parts = publisher.reader(one, wish.datastore, self.source, wish.source, self.reached)
            subscriber.lead(other, self._name(wish), parts)

    def _refuse_open(self, wish: Wish) -> None:
        """What is written to is no copy that could begin anew."""
        with self.target.cursor() as cursor:
            if database.find(cursor, wish.target) is None:
                return
        with self.target.cursor(wish.target) as cursor:
            row = look.gather(cursor).row
        if row is not None and row.state == OPEN:
            raise FollowError(
                f"{self.target.title}, database {wish.target} is open and written to, so it must not follow. It goes "
                "back first: ansible-playbook cryptobot.native.rollback -e migration_group=NAME"
            )

    def _begin(self, wish: Wish) -> dict[str, Any]:
        self._clear(wish)
        install.install(self.source, wish.source, OPEN, self.patience)
        with closing(self._session(self.source, wish.source)) as source:
            with source.cursor() as cursor:
                watch.begin(cursor)
            left_out = publisher.publish(source, self.patience)
        keeper, snapshot = publisher.seed_slot(self.source, wish.source, self._name(wish), self.patience)
        try:
            transfer = self._transfer(wish, snapshot)
            __, evidence = transfer.copied()
            entry.let_in(self.target, wish.fresh, wish.owner, wish.access)
            self._join(wish)
            transfer.active()
        finally:
            publisher.close(keeper)
        with closing(self._session(self.target, wish.target)) as target, target.cursor() as cursor:
            subscriber.enable(cursor, self._name(wish))
        return {**evidence[wish.datastore], "not_followed": left_out}

    def _join(self, wish: Wish) -> None:
        """Fence, marks of keys and the subscription, in the fresh database."""
        install.install(self.target, wish.fresh, CLOSED, self.patience)
        with (
            closing(self._session(self.source, wish.source)) as source,
            closing(self._session(self.target, wish.fresh)) as target,
            source.cursor() as one,
            target.cursor() as other,
        ):
            one.execute(f"SELECT relation, was FROM {SCHEMA}.identity")
            for row in one.fetchall():
                other.execute(f"INSERT INTO {SCHEMA}.identity VALUES (%s, %s) ON CONFLICT DO NOTHING", row)
            parts = publisher.reader(one, wish.datastore, self.source, wish.source, self.reached)
            subscriber.subscribe(other, self._name(wish), parts)

    def _clear(self, wish: Wish) -> None:
        """What a beginning that was cut off has left."""
        with self.target.cursor() as cursor:
            fresh = database.find(cursor, wish.fresh)
        if fresh and not fresh.invalid:
            with self.target.cursor(wish.fresh) as cursor:
                subscriber.unsubscribe(cursor, self._name(wish))
        self._transfer(wish, "").absent()
        publisher.cut_off(self.source, self._name(wish))

    def _end(self, wish: Wish) -> bool:
        gone, name = any(self._left(wish)), self._name(wish)
        for place in (wish.target, wish.fresh):
            with self.target.cursor() as cursor:
                there = database.find(cursor, place)
            if there is not None and not there.invalid:
                self._leave(place, name)
        with self.source.cursor(wish.source) as cursor:
            there_too = publisher.slot(cursor, name) is not None or look.gather(cursor).installed
        if there_too:
            with closing(self._session(self.source, wish.source, make_role=True)) as source:
                publisher.remove(source, wish.datastore, name, self.patience)
        self._seen_gone(wish)
        return gone

    def _leave(self, place: str, name: str) -> None:
        with closing(self._session(self.target, place, make_role=True)) as target, target.cursor() as cursor:
            subscriber.unsubscribe(cursor, name)
            if look.gather(cursor).installed:
                patience.run(target, keys.returned(cursor), self.patience)

    def _seen_gone(self, wish: Wish) -> None:
        slot, __, subscription = self._left(wish)
        if slot or subscription:
            what = "slot" if slot else "subscription"
            raise FollowError(
                f"The {what} {self._name(wish)} is still there. A forgotten slot fills the disk: drop it by hand."
            )

    def _left(self, wish: Wish) -> tuple[bool, bool, bool]:
        """Whether there is a slot, a publication, a subscription."""
        with self.source.cursor(wish.source) as cursor:
            slot = publisher.slot(cursor, self._name(wish)) is not None
            cursor.execute("SELECT 1 FROM pg_catalog.pg_publication WHERE pubname = %s", (publisher.FOLLOW,))
            publication = cursor.fetchone() is not None
        with self.target.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_catalog.pg_subscription WHERE subname = %s", (self._name(wish),))
            return slot, publication, cursor.fetchone() is not None

    def _transfer(self, wish: Wish, snapshot: str) -> Transfer:
        return Transfer(
            self.journal, self.run, self.source, self.target, [wish], self.jobs, snapshots={wish.datastore: snapshot}
        )

    def _name(self, wish: Wish) -> str:
        return publisher.name_of(wish.datastore, self.direction)

    def _session(self, endpoint: Endpoint, name: str, make_role: bool = False) -> Any:
        connection = sessions.controller(endpoint, name, make_role=make_role)
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 0")
        return connection
