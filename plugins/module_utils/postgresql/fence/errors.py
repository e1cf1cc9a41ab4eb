# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong with a fence, as sentences."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..endpoint import said


class FenceError(RuntimeError):
    """A fence can't be put in, taken out or moved; the text is a sentence for the operator."""


@contextmanager
def sentences(title: str) -> Iterator[None]:
    """What the server or the line says inside, as a sentence."""
    try:
        yield
    except Exception as error:
        if "psycopg2" not in type(error).__module__:
            raise
        raise FenceError(f"{title}: {said(error)} What was done stays; run it again.") from None


class NotOurs(FenceError):
    """A compare-and-set found another state or epoch than it named: somebody else has decided."""
