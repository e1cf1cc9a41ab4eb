# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One server of two that are compared, and how it is asked."""

from __future__ import annotations

from .client import Connection, RedisError, encoded, refused
from .facts import Facts


class Side:
    """One server's database; ``aside`` answers while ``pages`` is busy. ``asks_for_many``: knows ``SMISMEMBER``;
    ``absolute``: tells when a key ends, and not only what is left."""

    def __init__(self, pages: Connection, aside: Connection, facts: Facts) -> None:
        self.pages, self.aside = pages, aside
        self.absolute = facts.at_least(7)
        self._command = facts.script
        self.asks_for_many = facts.at_least(6, 2)

    def runs_scripts(self) -> bool:
        """Whether the server lets us run any."""
        try:
            self.aside.ask(self._command, "return 1", "0")
        except RedisError as error:
            if refused(error):
                return False
            raise
        return True

    def request(
        self, script: str, cursor: bytes, count: int, flags: list[bytes], *more: bytes, key: bytes | None = None
    ) -> bytes:
        """A script to run; the same first words for all."""
        keys = ("1", key) if key is not None else ("0",)
        return encoded((self._command, script, *keys, cursor, b"%d" % count, b"%d" % self.absolute, *flags, *more))
