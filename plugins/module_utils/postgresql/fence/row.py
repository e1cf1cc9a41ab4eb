# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The row of state. Every change is a compare-and-set that names its epoch, so that of two who decide exactly one
succeeds.

Rights on the functions that write large objects go with it, in the same transaction: no trigger sees those.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from .definitions import CLOSED, HANDED_OVER, OPEN, SCHEMA
from .errors import FenceError, NotOurs

FIRST_EPOCH = 0
_READ = f"SELECT state, epoch, window_id, direction FROM {SCHEMA}.fence"
_SWAP = f"""
UPDATE {SCHEMA}.fence SET state = %s, epoch = %s, window_id = %s, direction = %s, at = pg_catalog.clock_timestamp()
WHERE state = ANY (%s) AND epoch BETWEEN %s AND %s"""
_WRITERS = """
SELECT p.oid::regprocedure::text, CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END,
  a.is_grantable
FROM pg_catalog.pg_proc p, pg_catalog.aclexplode(coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))) a
WHERE p.pronamespace = 'pg_catalog'::regnamespace AND a.grantee <> p.proowner AND p.proname = ANY (%s) ORDER BY 1, 2"""
LARGE_OBJECT_WRITERS = (
    "lo_creat", "lo_create", "lo_from_bytea", "lo_import", "lo_put", "lo_truncate", "lo_truncate64", "lo_unlink",
    "lowrite",
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """``epoch`` grows with every window; ``direction`` is the side that a window leads to."""

    state: str
    epoch: int
    window: str = ""
    direction: str = ""

    def __str__(self) -> str:
        return f"{self.state} at epoch {self.epoch}"


def read(cursor: Any) -> Row:
    """The row as it is; :class:`FenceError` where somebody has taken it away."""
    cursor.execute(_READ)
    found = cursor.fetchone()
    if found is None:
        raise FenceError(f"{SCHEMA}.fence is empty: every write is refused. Put the row back, or remove the fence.")
    return Row(*found)


@dataclass(frozen=True)
class Window:
    """Who moves the row, and towards which side."""

    id: str
    direction: str = ""


class Fence:
    """The fence of one database, by one session of the controller (see :mod:`.sessions`). ``title`` is for
    sentences."""

    def __init__(self, connection: Any, title: str, window: Window) -> None:
        self.connection, self._title, self._window = connection, title, window

    def row(self) -> Row:
        with self.connection.cursor() as cursor:
            return read(cursor)

    def arm(self, epoch: int) -> None:
        """A target, closed at this epoch."""
        self._swap("armed", CLOSED, epoch, (CLOSED, HANDED_OVER), most=epoch - 1)

    def close(self, epoch: int, seen: int) -> None:
        """A source, where it is still open at the epoch that was seen."""
        self._swap("closed", CLOSED, epoch, (OPEN,), least=seen, most=seen)

    def hand_over(self, epoch: int) -> None:
        """The one step after which a window only goes forward."""
        self._swap("handed over", HANDED_OVER, epoch, (CLOSED,), least=epoch, most=epoch)

    def open(self, epoch: int) -> None:
        """A target, after the hand-over. May be repeated."""
        if self.row() == Row(OPEN, epoch, self._window.id, self._window.direction):
            return
        self._swap("opened", OPEN, epoch, (CLOSED,), least=epoch, most=epoch)

    def reopen(self, epoch: int) -> None:
        """A source whose window is given up: open at the next epoch, so that a late close of this one fails. May be
        repeated."""
        if (found := self.row()).state == OPEN and found.epoch == epoch + 1:
            return
        if found.state == OPEN and found.epoch < epoch:
            self._swap("taken", OPEN, epoch + 1, (OPEN,), least=found.epoch, most=found.epoch)
            return
        self._swap("reopened", OPEN, epoch + 1, (CLOSED,), least=epoch, most=epoch)

    def disarm(self, epoch: int) -> None:
        """A target whose window is given up: closed at the next epoch."""
        if self.row() == Row(CLOSED, epoch + 1, self._window.id, self._window.direction):
            return
        self._swap("disarmed", CLOSED, epoch + 1, (CLOSED,), least=epoch, most=epoch)

    def _swap(
        self,
        what: str,
        state: str,
        epoch: int,
        before: tuple[str, ...],
        least: int = FIRST_EPOCH,
        most: int = FIRST_EPOCH,
    ) -> None:
        with self.connection.cursor() as cursor, transaction(cursor):
            cursor.execute(_SWAP, (state, epoch, self._window.id, self._window.direction, list(before), least, most))
            if cursor.rowcount != 1:
                raise NotOurs(
                    f"{self._title} was not {what} at epoch {epoch}: it is {read(cursor)}, and only "
                    f"{' or '.join(before)} at epoch "
                    f"{least if least == most else f'{least} to {most}'} would have been. Nothing was changed."
                )
            if state == OPEN:
                give_back(cursor)
            elif OPEN in before:
                take_away(cursor)


@contextmanager
def transaction(cursor: Any) -> Iterator[None]:
    """COMMIT, or ROLLBACK where something went wrong inside."""
    cursor.execute("BEGIN")
    try:
        yield
    except BaseException:
        cursor.execute("ROLLBACK")
        raise
    cursor.execute("COMMIT")


def take_away(cursor: Any) -> None:
    """Nobody but superusers may write large objects from now on; what was granted is kept as the statements that grant
    it."""
    cursor.execute(_WRITERS, (list(LARGE_OBJECT_WRITERS),))
    found = cursor.fetchall()
    if not found:
        return
    granted: dict[tuple[str, bool], list[str]] = {}
    for function, grantee, passed_on in found:
        granted.setdefault((grantee, passed_on), []).append(f"pg_catalog.{function}")
    for (grantee, passed_on), functions in granted.items():
        option = " WITH GRANT OPTION" if passed_on else ""
        text = f"GRANT EXECUTE ON FUNCTION {', '.join(functions)} TO {grantee}{option}"
        cursor.execute(f"INSERT INTO {SCHEMA}.rights VALUES (%s) ON CONFLICT DO NOTHING", (text,))
        cursor.execute(f"REVOKE EXECUTE ON FUNCTION {', '.join(functions)} FROM {grantee} CASCADE")


def give_back(cursor: Any) -> None:
    """What :func:`take_away` took."""
    cursor.execute(f"DELETE FROM {SCHEMA}.rights RETURNING statement")
    for (statement,) in cursor.fetchall():
        cursor.execute(statement)
