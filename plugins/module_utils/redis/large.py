# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Large values on two servers, proven equal piece by piece inside them: ranges by digests; sets and hashes, which have no order
in common, by asking the target for the very members that the source lists, and for how many it has.
"""

from __future__ import annotations

import hashlib
from typing import Any

from .canonical import Rules
from .scripts import LARGE_CHECKED, LARGE_LISTED
from .side import Side


def equal(source: Side, target: Side, rules: Rules, expiring: bool, key: bytes) -> bytes | None:
    """A digest of the key, which is equal on both sides; ``None`` where it is not proven, or can't be in this way."""
    if not target.asks_for_many:
        return None
    digest, at = hashlib.sha1(key, usedforsecurity=False), b"0"
    flags = rules.flags(expiring)
    source.aside.send(source.request(LARGE_LISTED, at, 0, flags, key=key))
    equal_so_far = True
    while at:
        listed = source.aside.answer("EVAL")
        if len(listed) == 1 or not equal_so_far:
            return None
        kind, size, ends, at, count, place, piece = listed
        target.aside.send(target.request(LARGE_CHECKED, place, count, flags, kind, piece, key=key))
        if at:
            # The source works on the next piece while the target looks at this one.
            source.aside.send(source.request(LARGE_LISTED, at, 0, flags, key=key))
        checked: list[Any] = target.aside.answer("EVAL")
        equal_so_far = checked == [size, ends, 1]
        digest.update(b"%s %d " % (kind, size) + piece)
    return digest.digest() if equal_so_far else None
