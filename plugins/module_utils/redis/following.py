# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the options of the module ``redis_follow`` to a server that follows another one, closed, before a window.

What is replaced is asked for first: the target's keys go. So the source must be the side that the record says writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..launcher import sides as record
from ..launcher.sides import DOCKER, NATIVE
from . import facts, follow
from .endpoint import Endpoint, save_users
from .facts import Facts
from .fence.fence import KEY
from .fence.sessions import CONTROLLER, FOLLOWER
from .follow import MARK
from .instances import Instance
from .pair import Pair

OLDEST = (6,)
"""The first version with rights of users."""


@dataclass(frozen=True)
class Direction:
    """What a pair reads of a window's intent."""

    id: str
    source: str
    target: str
    epoch: int = 0


@dataclass(frozen=True)
class State:
    """``lag`` in bytes."""

    following: bool
    lag: int = 0


class Following:
    """``options`` as the module has them."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options, self._side = options, str(options["side"])
        self._source = Endpoint.from_options(options["source"])
        self._target = Endpoint.from_options(options["target"]) if Endpoint.there(options["target"]) else None

    def state(self) -> State:
        """Looked at by the ways in that the servers' users have: nothing of ours is made."""
        if self._target is None:
            return State(False)
        with self._target.connect() as target, self._source.connect() as source:
            found, there = follow.link(target), follow.link(source)
        place = self._options["reached"]
        at = str(place.get("host") or self._source.host), int(place.get("port") or self._source.port)
        return State(found.up and found.to(*at), max(0, there.offset - found.offset))

    def refusals(self) -> list[str]:
        """Sentences that say why it must not, or cannot, be followed."""
        writer = self._writer()
        if writer != self._side:
            return [
                f"The side that writes the datastore {self._options['datastore']} is {writer}, not {self._side}: following "
                "would replace what it holds."
            ]
        source = facts.gather(self._source)
        if not source.at_least(*OLDEST):
            return [f"{source.title} is of version {source.release}, and a cutover needs 6.0 or newer (rights of users)."]
        if self._target is None:
            return []
        target = facts.gather(self._target)
        return [*_kinds(source, target), *self._content(target)]

    def _content(self, target: Facts) -> list[str]:
        if not target.keys or self._options["replace"] or target.role != "master" or self._target is None:
            return []
        with self._target.connect() as redis:
            if redis.call("EXISTS", KEY):
                return []
        return [
            f"{target.title} holds {target.keys} keys that came from elsewhere, and following would replace them. Where nobody "
            "needs them, empty it (FLUSHALL as its administrator), and run this again."
        ]

    def begin(self) -> None:
        """May be repeated, also after either server has started again and forgot everything."""
        pair = self._pair()
        try:
            pair.follow(float(self._options["seconds"]))
        finally:
            pair.forget()

    def left(self) -> bool:
        """Whether it follows, or did: what is kept of it is removed last."""
        return self._instance.book.exists()

    def refusals_to_end(self) -> list[str]:
        """Sentences that say why nobody may stop following now."""
        if self._side == DOCKER and self._writer() == DOCKER:
            return []
        return [
            f"The datastore {self._options['datastore']} is written natively, and Docker's Redis follows it, closed. Go back "
            "first: ansible-playbook cryptobot.native.rollback -e migration_group=NAME"
        ]

    def end(self) -> None:
        """The native copy is emptied and its users have their rights; nothing of ours is left on either server. May be
        repeated."""
        pair = self._pair()
        try:
            if self._target is not None:
                pair.let_go()
        finally:
            pair.forget()
        for end in (self._target, self._source):
            if end is not None:
                _forget_us(end, empty=end is self._target)
        self._instance.book.unlink(missing_ok=True)

    @property
    def _instance(self) -> Instance:
        options = self._options
        return Instance(
            options["datastore"],
            options["source"],
            options["target"],
            str(options["directory"]),
            sought=options["reached"],
        )

    def _pair(self) -> Pair:
        target = NATIVE if self._side == DOCKER else DOCKER
        name = f"cryptobot-follow {self._options['datastore']}"
        return Pair(Direction("follow", self._side, target), self._instance, name)

    def _writer(self) -> str:
        found = record.read(self._options["sides"])
        return (found.writer(self._options["datastore"]) if found else None) or DOCKER


def _forget_us(end: Endpoint, empty: bool) -> None:
    """By the way in that the server's own users have: the controller cannot remove itself."""
    with end.connect() as redis:
        if empty:
            redis.call("FLUSHALL")
        else:
            redis.call("DEL", KEY, MARK)
        redis.call("ACL", "DELUSER", CONTROLLER, FOLLOWER)
        save_users(redis)


def _kinds(source: Facts, target: Facts) -> list[str]:
    """Each must understand the other: the one that is left follows back."""
    wrong = [f"{each.title} is a cluster, and a window moves one server." for each in (source, target) if each.cluster]
    if (source.product, source.version[:2]) != (target.product, target.version[:2]):
        wrong.append(
            f"{source.title} is {source.release} and {target.title} is {target.release}: of two versions only the newer can "
            "follow the older, and after a cutover each must follow the other. Give the container the native version, or "
            "move the group with cryptobot.native.migrate."
        )
    return wrong
