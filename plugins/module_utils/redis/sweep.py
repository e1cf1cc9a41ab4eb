# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All keys of a database on two servers, proven equal page by page.

The source lists a page of keys, and both servers digest the very same keys in the same order, so that equal digests
prove the whole page. What the target has beyond that is found by asking the source for each key that the target lists.
A page takes a server a few milliseconds; nothing is written.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from . import large
from .canonical import ROOM, Rules
from .client import Connection
from .scripts import PAGE_DIGESTED, PAGE_LISTED
from .side import Side

PAGE = 250
FEWEST = 20
REORDERED = 0.2
"""Share of pages that are equal but for the order of members, above which members are put in order from the start."""


@dataclass(frozen=True)
class Page:
    """``keys`` are not proven equal, and must be read one by one; ``digest`` is that of all others of the page.
    ``found``, ``theirs``: how many keys the source and the target listed."""

    keys: list[bytes]
    digest: bytes = b""
    found: int = 0
    theirs: int = 0


@dataclass
class Sweep:
    """``expiring``: a key of either side has an expiry; ``bytewise``: both servers order texts by their bytes."""

    source: Side
    target: Side
    rules: Rules
    expiring: bool
    bytewise: bool
    _count: int = PAGE
    _seen: int = 0
    _reordered: int = 0
    _asked_in_order: bool = False
    _listed: list[bytes] = field(default_factory=list)

    def run(self) -> Iterator[Page]:
        """Every key of either side is in one of the pages. Both servers work at once, the source a page ahead."""
        source, target = self.source.pages, self.target.pages
        cursor, theirs = b"0", b"0"
        source.send(self._page(cursor))
        asked = True
        while asked:
            cursor, found, names, kinds, digest, apart, missing, used = source.answer("EVAL")
            ordered = self._asked_in_order
            target.send(self._check(self.target, theirs, ordered, names, kinds))
            self._count = _next_count(self._count, used)
            if asked := bool(cursor):
                source.send(self._page(cursor))
            answered, theirs, count, listed = target.answer("EVAL")
            self._listed += [listed] if count else []
            if not asked and (theirs or self._listed):
                source.send(self._page(cursor))
                asked = True
            proofs = {key: large.equal(self.source, self.target, self.rules, self.expiring, key) for key in apart}
            keys = [*missing, *(key for key, proof in proofs.items() if not proof)]
            if answered != digest and not self._reordered_only(ordered, names, kinds):
                keys, digest = [*unpacked(names), *keys], b""
            digest += b"".join(proof for proof in proofs.values() if proof)
            yield Page([key for key in keys if key != self.rules.mark], digest, found, count)

    def _reordered_only(self, ordered: bool, names: bytes, kinds: bytes) -> bool:
        """Whether a page is equal when members of sets and fields of hashes come in order."""
        if ordered or not self.bytewise:
            return False
        for side in (self.source, self.target):
            side.aside.send(self._check(side, b"", True, names, kinds))
        digests = [side.aside.answer("EVAL")[0] for side in (self.source, self.target)]
        if digests[0] == digests[1]:
            self._reordered += 1
        return bool(digests[0] == digests[1])

    def _page(self, cursor: bytes) -> bytes:
        """The source's next page (none without a cursor), and which of the keys that the target listed it lacks."""
        self._seen += 1
        self._asked_in_order = self._reordered > REORDERED * max(10, self._seen)
        flags = self.rules.flags(self.expiring, self._asked_in_order)
        listed, self._listed = self._listed, []
        return self.source.request(PAGE_LISTED, cursor, self._count, flags, *listed)

    def _check(self, side: Side, cursor: bytes, ordered: bool, names: bytes, kinds: bytes) -> bytes:
        """The same keys on a side, and the next that it lists itself."""
        return side.request(PAGE_DIGESTED, cursor, PAGE, self.rules.flags(self.expiring, ordered), names, kinds)


@dataclass(frozen=True)
class PlainSweep:
    """The same without scripts: every key is to be read one by one."""

    source: Connection
    target: Connection
    mark: bytes

    def run(self) -> Iterator[Page]:
        """Every key of either side is in one of the pages."""
        for keys in _scanned(self.source):
            yield Page(keys, found=len(keys))
        for keys in _scanned(self.target):
            there = self.source.many([("EXISTS", key) for key in keys])
            missing = [key for key, found in zip(keys, there, strict=True) if found != 1 and key != self.mark]
            yield Page(missing, theirs=len(keys))


def _scanned(redis: Connection) -> Iterator[list[bytes]]:
    cursor = b"0"
    while True:
        cursor, keys = redis.ask("SCAN", cursor, "COUNT", str(PAGE))
        yield keys
        if cursor == b"0":
            return


def _next_count(count: int, used: int) -> int:
    """As many keys as fit into :data:`ROOM`, judged by the last page."""
    if used * 2 > ROOM:
        return max(FEWEST, count * ROOM // (used * 2))
    return min(PAGE, count * 2)


def unpacked(packed: bytes) -> list[bytes]:
    """A list of texts from MessagePack, as the server's own library writes it."""
    count, at = _size(packed, 0, {0xDC: ">H", 0xDD: ">I"}, 0x90, 0x0F)
    found = []
    for __ in range(count):
        size, at = _size(packed, at, {0xD9: ">B", 0xDA: ">H", 0xDB: ">I"}, 0xA0, 0x1F)
        found.append(packed[at : at + size])
        at += size
    return found


def _size(packed: bytes, at: int, widths: dict[int, str], short: int, mask: int) -> tuple[int, int]:
    head = packed[at]
    if head in widths:
        size: tuple[Any, ...] = struct.unpack_from(widths[head], packed, at + 1)
        return size[0], at + 1 + struct.calcsize(widths[head])
    if head & ~mask != short:
        raise ValueError(f"MessagePack of an unknown kind: {head:#x}")
    return head & mask, at + 1
