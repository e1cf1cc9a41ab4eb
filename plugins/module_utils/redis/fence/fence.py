# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fence of one Redis: everyone's rights to write, and a key that says for which epoch they were given or taken.

Both change in one transaction that watches the key, so that of two who decide exactly one succeeds. Rights are the
server's own and do not travel; the key is data, so a server that follows shows its source's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ...postgresql.fence.definitions import CLOSED, OPEN
from ...postgresql.fence.errors import NotOurs
from ...postgresql.fence.row import Row, Window
from ..client import Connection, RedisError
from ..endpoint import save_users
from . import sessions
from .rights import DEFAULT, Commands, User, is_off

KEY = f"{sessions.MINE}fence"
ATTEMPTS = 20
WAITS = frozenset({"wait", "waitaof", "xread"})
"""Blocked without a wish to write: they are not woken."""


@dataclass(frozen=True)
class Found:
    """``writers``: users other than ours that may change something now."""

    row: Row | None
    master: bool
    users: Mapping[str, User]
    writers: tuple[str, ...]

    @property
    def state(self) -> str:
        """As the rights are, whatever the key says: a server that started again may have one without the other."""
        return OPEN if self.writers else CLOSED


class Fence:
    """By one session of the controller. ``title`` is for sentences."""

    def __init__(self, redis: Connection, title: str, window: Window, commands: Commands | None = None) -> None:
        self._redis, self._title, self._window = redis, title, window
        self._commands = commands
        self._put_out: list[str] = []

    # Looking

    @property
    def commands(self) -> Commands:
        """Asked for once."""
        if self._commands is None:
            names = self._redis.call("ACL", "CAT")
            found = self._redis.together(("ACL", "CAT", name) for name in names)
            self._commands = Commands(dict(zip(names, found, strict=True)))
        return self._commands

    def row(self) -> Row | None:
        """The key; None where there is none."""
        return self._row(self._redis.call("GET", KEY))

    def found(self) -> Found:
        text, info, names = self._redis.together((("GET", KEY), ("INFO", "replication"), ("ACL", "USERS")))
        users = self._users(names)
        writers = tuple(sorted(name for name, user in users.items() if user.writes(self.commands)))
        return Found(self._row(text), "role:master" in info, users, writers)

    def users(self) -> dict[str, User]:
        """Everyone but us."""
        return self._users(self._redis.call("ACL", "USERS"))

    def _users(self, names: Sequence[str]) -> dict[str, User]:
        others = [name for name in names if name not in sessions.OURS]
        answers = self._redis.together(("ACL", "GETUSER", name) for name in others)
        found = dict(zip(others, answers, strict=True))
        # By its rights a server that starts again carries out the transactions of its file. Nobody comes in by them.
        self._put_out = [name for name, answer in found.items() if name == DEFAULT and is_off(answer)]
        return {name: User.parsed(name, answer) for name, answer in found.items() if name not in self._put_out}

    def _row(self, text: str | None) -> Row | None:
        if text is None:
            return None
        parts = [*text.split(":"), "", ""]
        if not parts[1].isdigit():
            raise RedisError(f"{self._title}: the key {KEY} is not ours. Remove it, and begin to follow again")
        return Row(parts[0], int(parts[1]), parts[2], parts[3])

    # Changing

    def install(self, epoch: int) -> None:
        """The key of a server that is open and has none."""
        self._redis.call("SET", KEY, self._text(Row(OPEN, epoch)), "NX")

    def close(self, epoch: int, seen: int, kept: Mapping[str, User]) -> None:
        """A source, where it is still open at the epoch that was seen and rights are as they were kept."""
        users = self.users()
        if changed := [name for name, user in users.items() if name not in kept or not self._same(user, kept)]:
            raise RedisError(f"{self._title}: rights of {', '.join(changed)} were changed since the window began")
        rules = {name: user.closing(self.commands) for name, user in users.items()}
        self._swap("closed", Row(CLOSED, epoch), rules, lambda row: row is not None and _plain(row) == Row(OPEN, seen))
        self.save()
        self._end_put_out()
        self._unblock()
        self._taken()

    def take(self) -> None:
        """Take the rights of everyone, and leave the key: a server that follows, or is about to."""
        users = {name: user for name, user in self.users().items() if user.writes(self.commands)}
        self._redis.together(("ACL", "SETUSER", name, *user.closing(self.commands)) for name, user in users.items())
        if users:
            self.save()
        self._end_put_out()
        self._unblock()
        self._taken()

    def give_back(self, kept: Mapping[str, User]) -> None:
        """The rights that were taken from users who are still there; the key stays."""
        names = self._redis.call("ACL", "USERS")
        rules = {name: words for name, words in _openings(kept).items() if name in names}
        self._redis.together(("ACL", "SETUSER", name, *words) for name, words in rules.items())
        self.save()
        self._given(kept)

    def open(self, epoch: int, kept: Mapping[str, User]) -> None:
        """A target, after the hand-over; it must be no one's replica. May be repeated. A restart closes it until it is
        saved."""
        ends = (Row(CLOSED, epoch), Row(OPEN, epoch))
        self._swap("opened", Row(OPEN, epoch), _openings(kept), lambda row: row is not None and _plain(row) in ends)
        self._given(kept)

    def reopen(self, epoch: int, kept: Mapping[str, User]) -> None:
        """A source whose window is given up: open at the next epoch, so that a late close of this one fails. May be
        repeated, and finds a server that started again and is at an older epoch, or knows of none."""
        after = Row(OPEN, epoch + 1)
        self._swap(
            "reopened", after, _openings(kept), lambda row: row is None or row.epoch <= epoch or _plain(row) == after
        )
        self.save()
        self._given(kept)

    def _swap(
        self, what: str, after: Row, rules: Mapping[str, Sequence[str]], fits: Callable[[Row | None], bool]
    ) -> None:
        redis = self._redis
        for __ in range(ATTEMPTS):
            text, names = redis.together((("WATCH", KEY), ("GET", KEY), ("ACL", "USERS")))[1:]
            found = self._row(text)
            if not fits(found):
                redis.call("UNWATCH")
                raise NotOurs(
                    f"{self._title} was not {what} at epoch {after.epoch}: it is {found or 'without a fence'}. Nothing "
                    "was changed."
                )
            commands = [("ACL", "SETUSER", name, *words) for name, words in rules.items() if name in names]
            answers = redis.many([("MULTI",), ("SET", KEY, self._text(after)), *commands, ("EXEC",)])
            for answer in [*answers, *(answers[-1] if isinstance(answers[-1], list) else ())]:
                if isinstance(answer, RedisError):
                    raise RedisError(f"{self._title} was not {what}: {answer}")
            if answers[-1] is not None:
                return
        raise RedisError(f"{self._title} was not {what}: somebody else changes {KEY} all the time")

    def _taken(self) -> None:
        if writers := self.found().writers:
            raise RedisError(f"{self._title}: users were made or changed while it was closed: {', '.join(writers)}")

    def _given(self, kept: Mapping[str, User]) -> None:
        if wrong := [name for name, user in self.users().items() if name in kept and not self._same(user, kept)]:
            raise RedisError(f"{self._title}: the rights of {', '.join(wrong)} did not come back as they were")

    def _same(self, user: User, kept: Mapping[str, User]) -> bool:
        return user.same(kept[user.name], self.commands)

    def save(self) -> None:
        """A server with a file of users starts again as it is now."""
        save_users(self._redis)

    def _end_put_out(self) -> None:
        """Sessions from before their user was turned off would still have its rights."""
        for name in self._put_out:
            self._redis.call("CLIENT", "KILL", "USER", name, "SKIPME", "yes")

    def _unblock(self) -> None:
        """Whoever waits to take from a list, say, would still be served: he is told no."""
        for each in sessions.clients(self._redis):
            if "b" in each.get("flags", "") and each.get("cmd") not in WAITS and each.get("user") not in sessions.OURS:
                self._redis.call("CLIENT", "UNBLOCK", each["id"], "ERROR")

    def _text(self, row: Row) -> str:
        return ":".join((row.state, str(row.epoch), self._window.id, self._window.direction))


def _plain(row: Row) -> Row:
    return Row(row.state, row.epoch)


def _openings(kept: Mapping[str, User]) -> dict[str, list[str]]:
    return {name: user.opening() for name, user in kept.items()}
