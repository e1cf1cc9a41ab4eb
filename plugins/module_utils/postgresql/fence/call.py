# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``postgresql_fence`` does: a plan from what is there, the same in check mode, and its steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from ..endpoint import APPLICATION, Endpoint, EndpointError
from . import install, look, sessions, writers
from .definitions import CLOSED, HANDED_OVER, OPEN
from .errors import FenceError, NotOurs, sentences
from .row import Fence, Row, Window

INSTALLED, REMOVED, ABSENT = "installed", "removed", "absent"
FINISH, ABORT = "finish", "abort"


@dataclass(frozen=True)
class Wish:
    """``state``: installed, open, closed, handed_over or removed. ``born``: what a new fence is. ``decision``: whether
    *open* ends a window forwards (a target, at the window's epoch) or gives it up (a source, at the next). Times in
    seconds."""

    state: str
    epoch: int | None = None
    seen: int | None = None
    window: Window = field(default_factory=lambda: Window(""))
    born: str = OPEN
    decision: str = ABORT
    grace: float = 3.0
    end: bool = False
    patience: float = 120.0


@dataclass
class Change:
    """One database: what there is, and what is to be done with it."""

    database: str
    found: look.Found
    after: Row | None
    steps: list[str]
    refusal: str = ""
    waited: writers.Waited | None = None

    @property
    def changed(self) -> bool:
        return bool(self.steps)

    def before(self) -> dict[str, Any]:
        return described(self.found)

    def predicted(self) -> dict[str, Any]:
        """What :func:`described` gives afterwards."""
        if self.after is None:
            return {"state": ABSENT, "tables": len(self.found.tables), "fenced": 0}
        shown = {
            "state": self.after.state,
            "epoch": self.after.epoch,
            "window": self.after.window,
            "direction": self.after.direction,
        }
        count = len(self.found.tables)
        fenced = (
            count if any(step.startswith("trigger on ") for step in self.steps) else count - len(self.found.unfenced)
        )
        return {**shown, "tables": count, "fenced": fenced}


def described(found: look.Found) -> dict[str, Any]:
    """For results and diffs."""
    if found.row is None:
        return {"state": ABSENT, "tables": len(found.tables), "fenced": 0}
    return {
        "state": found.row.state,
        "epoch": found.row.epoch,
        "window": found.row.window,
        "direction": found.row.direction,
        "tables": len(found.tables),
        "fenced": len(found.tables) - len(found.unfenced),
    }


def plan(endpoint: Endpoint, databases: Sequence[str], wish: Wish) -> list[Change]:
    """Looks at every database and changes nothing; :class:`FenceError` where one of them can't become what is
    wished."""
    changes = []
    for database in databases:
        with endpoint.cursor(database) as cursor:
            changes.append(change(database, look.gather(cursor), wish, f"{endpoint.title}, database {database}"))
    if refused := [each.refusal for each in changes if each.refusal]:
        raise FenceError(" ".join(refused))
    return changes


def change(database: str, found: look.Found, wish: Wish, title: str) -> Change:
    """The plan for one database."""
    if wish.state == INSTALLED:
        row = found.row or Row(wish.born, 0)
        return Change(database, found, row, install.steps(found), install.refusal(found, title))
    if wish.state == REMOVED:
        there = found.installed or any(table.trigger != look.MISSING for table in found.tables)
        steps = ["fence"] if there else []
        return Change(database, found, None, steps, install.removal_refusal(found, title) if there else "")
    if found.row is None:
        return Change(database, found, None, [], f"{title} has no fence. Put it in first (state: installed).")
    after, refusal = _moved(found.row, wish, title)
    if not refusal and wish.state == CLOSED and (wrong := found.problems()):
        refusal = f"{title} can't be closed: {'; '.join(wrong)}. Put that right (state: installed), then try again."
    return Change(database, found, after, [] if after == found.row else [f"{found.row} to {after}"], refusal)


def _moved(row: Row, wish: Wish, title: str) -> tuple[Row, str]:
    """The row as it will be, and why it can't be."""
    if wish.epoch is None:
        return (
            row,
            f"{title}: name the epoch (epoch: …), which every opening and closing is checked against; it is {row}.",
        )
    epoch = wish.epoch + 1 if wish.state == OPEN and wish.decision == ABORT else wish.epoch
    after = Row(wish.state, epoch, wish.window.id, wish.window.direction)
    if (row.state, row.epoch) == (wish.state, epoch):
        return row, ""
    if wish.state == CLOSED:
        fits = row.state == OPEN and (row.epoch == wish.seen if wish.seen is not None else row.epoch < wish.epoch)
    else:
        fits = row.state == CLOSED and row.epoch == wish.epoch
    return after, "" if fits else f"{title} is {row}, which {after} can't follow. Nothing was changed."


def apply(
    endpoint: Endpoint, changes: Sequence[Change], wish: Wish, done: Callable[[str], None] = lambda title: None
) -> None:
    """Does what the plan says. Closing several databases that can't all be closed opens those that were."""
    closed: list[Change] = []
    for each in changes:
        if not each.changed:
            continue
        if wish.state == INSTALLED:
            install.install(endpoint, each.database, wish.born, wish.patience)
        elif wish.state == REMOVED:
            install.remove(endpoint, each.database, wish.patience)
        elif wish.state == CLOSED:
            closed.append(each)
            try:
                with sentences(f"{endpoint.title}, database {each.database}"):
                    _close(endpoint, each, wish)
            except (FenceError, EndpointError) as error:
                _reopen(endpoint, closed, wish, error)
        else:
            _move(endpoint, each, wish)
        done(each.database)


def _fence(endpoint: Endpoint, database: str, wish: Wish) -> Fence:
    connection = sessions.controller(endpoint, database, wish.window.id or APPLICATION)
    return Fence(connection, f"{endpoint.title}, database {database}", wish.window)


def _close(endpoint: Endpoint, change: Change, wish: Wish) -> None:
    fence = _fence(endpoint, change.database, wish)
    try:
        fence.close(wish.epoch or 0, change.found.row.epoch if change.found.row else 0)
        change.waited = close_checked(fence, f"{endpoint.title}, database {change.database}", wish.grace, wish.end)
    finally:
        fence.connection.close()


def close_checked(fence: Fence, title: str, grace: float, end: bool) -> writers.Waited:
    """After the closing commit: older writers gone, and every table has its enabled trigger."""
    waited = writers.wait(fence.connection, title, grace, end)
    with fence.connection.cursor() as cursor:
        if wrong := look.gather(cursor).problems():
            raise FenceError(f"{title}: the fence has a hole: {'; '.join(wrong)}.")
    return waited


def _reopen(endpoint: Endpoint, closed: Sequence[Change], wish: Wish, error: Exception) -> None:
    """Gives up: what was closed by this call is open again at the next epoch."""
    opened, left = [], []
    for each in closed:
        try:
            fence = _fence(endpoint, each.database, wish)
            with closing(fence.connection):
                fence.reopen(wish.epoch or 0)
            opened.append(each.database)
        except NotOurs:
            continue
        except Exception:
            left.append(each.database)
    told = f" Open again: {', '.join(opened)}." if opened else ""
    if left:
        told += (
            f" Perhaps closed still, for the server does not answer: {', '.join(left)} (state: open, epoch: "
            f"{wish.epoch})."
        )
    raise FenceError(f"{error}{told}") from None


def _move(endpoint: Endpoint, change: Change, wish: Wish) -> None:
    fence, epoch = _fence(endpoint, change.database, wish), wish.epoch or 0
    try:
        if wish.state == HANDED_OVER:
            fence.hand_over(epoch)
        elif wish.decision == FINISH:
            fence.open(epoch)
        else:
            fence.reopen(epoch)
    finally:
        fence.connection.close()
