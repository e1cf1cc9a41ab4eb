# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The row that decides: the fence of the first datastore's source, changed by compare-and-set alone.

Of a controller that hands over and a recovery that gives up exactly one changes it, and every other datastore follows.
"""

from __future__ import annotations

from ..postgresql.fence.definitions import CLOSED, HANDED_OVER, OPEN
from ..postgresql.fence.errors import NotOurs
from ..postgresql.fence.row import Fence, Row
from ..router.boot import INTENT
from ..router.maps import DIRECTORY
from .errors import Stale

FINISH, ABORT, TAKE, STALE = "finish", "abort", "take", "stale"


def decision(row: Row, epoch: int) -> str:
    """What the row of a window with this epoch means: `finish`, `abort` (decided before), `take` it, or `stale`."""
    if (row.state, row.epoch) == (HANDED_OVER, epoch):
        return FINISH
    if (row.state, row.epoch) == (OPEN, epoch + 1):
        return ABORT
    if (row.state, row.epoch) == (CLOSED, epoch) or (row.state == OPEN and row.epoch < epoch):
        return TAKE
    return STALE


def decide(fence: Fence, epoch: int) -> str:
    """`finish` or `abort`, on disk. Raises Stale where the row is another window's.

    A row that is still open is taken, too: else a late close of this window would succeed.
    """
    while True:
        row = fence.row()
        found = decision(row, epoch)
        if found == STALE:
            raise Stale(
                f"The coordinator is {row}, which the window of epoch {epoch} can't have left: another window has gone "
                "on since. Nothing was touched. See on both servers that one side of each database is open: psql -d NAME "
                f"-c 'TABLE migration.fence'; then: rm {DIRECTORY / INTENT}; ansible cryptobot_docker -m "
                "cryptobot.native.router_hold -a state=released"
            )
        if found != TAKE:
            return found
        try:
            fence.reopen(epoch)
            return ABORT
        except NotOurs:
            continue
