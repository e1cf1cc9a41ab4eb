# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The other direction, in the steps that a window makes: whatever is written on the new side follows back to the old
one.

Both directions at once would loop for ever before PostgreSQL 16: the forward one is seen gone before the reverse one is
made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...migration import faults
from ..endpoint import Endpoint
from . import publisher, subscriber, watch
from .errors import FollowError


def prepare(connection: Any, name: str, seconds: float) -> None:
    """On the side that will be written to, still closed: its publication, and a slot that keeps changes from now on."""
    publisher.publish(connection, seconds)
    with connection.cursor() as cursor:
        watch.begin(cursor)
        publisher.make_slot(cursor, publisher.ahead_of(name))


def point(cursor: Any, forward: str, reverse: str) -> None:
    """After the mark has arrived and the sequences are set: nothing more comes in, and the way back begins here."""
    ahead = publisher.ahead_of(reverse)
    faults.part("disable", lambda: subscriber.enable(cursor, forward, on=False))
    faults.part("advance", lambda: publisher.advance(cursor, ahead))
    faults.part("keep", lambda: publisher.keep(cursor, ahead, reverse))


def drop_forward(source: Any, target: Any, datastore: str, forward: str, seconds: float) -> None:
    """Subscription, slot, publication and reader of the way there, seen gone. ``source`` and ``target`` are
    sessions."""
    with source.cursor() as one, target.cursor() as other:
        faults.part("unsubscribe", lambda: subscriber.unsubscribe(other, forward))
        faults.part("withdraw", lambda: publisher.withdraw(source, datastore, forward, seconds))
        left = subscriber.find(other, forward) or publisher.slot(one, forward)
    if left:
        raise FollowError(
            f"The direction {forward} is still there, and both at once would loop. Drop it by hand, then go on."
        )


def follow_back(
    source: Any,
    target: Any,
    reverse: str,
    datastore: str,
    endpoint: Endpoint,
    database: str,
    reached: Mapping[str, Any],
) -> None:
    """The old side (``source``) follows the new one (``target``, at ``endpoint``) from :func:`point` on. May be
    repeated."""
    publisher.drop_slot(target, publisher.ahead_of(reverse))
    if subscriber.find(source, reverse) is None:
        reader = publisher.reader(target, datastore, endpoint, database, reached)
        faults.part("subscribe", lambda: subscriber.subscribe(source, reverse, reader))
    faults.part("enable", lambda: subscriber.enable(source, reverse))
