# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The last transaction of a copy: all that is quick or can't be done in parts, the end of its books, and the mark.

Before its COMMIT the copy is not whole, after it there is nothing left to do.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .. import sequences
from ..quoting import identifier, literal
from . import books, database, leftovers, rights, roles, sessions
from .errors import explained
from .order import Copied, Order
from .schema import Entry


class Finish:
    """``origin`` is a session with the database that the definitions come from; ``large_objects``: whether to copy them."""

    def __init__(
        self, order: Order, origin: Any, pair: sessions.Pair, copied: Copied, large_objects: bool = True
    ) -> None:
        self._large_objects = large_objects
        self._order, self._origin, self._pair, self._copied = order, origin, pair, copied
        self._wanted: list[rights.Object] = []

    def run(self, last: Iterable[Entry]) -> None:
        """``last``: definitions that would fire on everything before them."""
        order, pair = self._order, self._pair
        with self._origin.cursor() as origin, pair.target.cursor() as target, explained(order.target, order.fresh):
            target.execute("BEGIN")
            target.execute("SET LOCAL synchronous_commit = on")
            self._states(target)
            self._rights(origin, target)
            for title, text in leftovers.refreshes(origin):
                with explained(order.target, order.fresh, f"materialised view {title}"):
                    target.execute(text)
            books.close(target)
            for entry in last:
                target.execute(entry.text)
            for each in self._wanted:
                owner = order.mapping.as_owner(each.owner, each.type)
                if each.type == "event trigger" and owner != order.target.user:
                    target.execute(f"ALTER EVENT TRIGGER {each.identity} OWNER TO {identifier(owner)}")
            self._properties(target)
            database.mark(target, order.fresh, order.run)
            target.execute("COMMIT")

    def _states(self, target: Any) -> None:
        """Sequences and large objects, from where the rows came."""
        with self._pair.source.cursor() as source:
            states = sequences.states(source)
            sequences.set_states(target, states)
        self._copied.sequences = len(states)
        if not self._large_objects:
            return
        self._copied.large_objects, size = leftovers.copy_large_objects(
            self._pair.source, self._pair.target, lambda size: None
        )
        self._copied.bytes += size

    def _rights(self, origin: Any, target: Any) -> None:
        """Owners, rights, user mappings and default rights, under the map."""
        order, version = self._order, target.connection.server_version
        for text in leftovers.user_mappings(origin, order.mapping):
            target.execute(text)
        self._wanted = rights.gather(origin, database.BOOKS)
        self._give(self._wanted, target, order.mapping, version)
        if order.definitions:
            with self._pair.source.cursor() as source:
                large = [each for each in rights.gather(source, database.BOOKS) if each.type == "large object"]
            self._give(large, target, order.roles, version)
        for statement in rights.defaults(origin, target, order.mapping, version):
            target.execute(statement.text)

    def _give(self, wanted: list[rights.Object], target: Any, mapping: Any, version: int) -> None:
        there = rights.gather(target, database.BOOKS)
        for statement in rights.owners(wanted, there, mapping):
            target.execute(statement.text)
        for statement in rights.grants(wanted, rights.owned(wanted, there, mapping), mapping, version):
            self._grant(target, statement)

    @staticmethod
    def _grant(target: Any, statement: rights.Statement) -> None:
        if statement.role:
            target.execute(f"SET LOCAL ROLE {identifier(statement.role)}")
        target.execute(statement.text)
        if statement.role:
            target.execute("RESET ROLE")

    def _properties(self, target: Any) -> None:
        """Owner, rights, settings, comment and limit of the database itself."""
        order = self._order
        name, mapping = identifier(order.fresh), order.mapping
        server, known = (
            (order.definitions.server, order.definitions.database)
            if order.definitions
            else (order.source, order.source_database)
        )
        with server.cursor() as cursor:
            shown = database.find(cursor, known)
            found = database.settings(cursor, known)
            acl = rights.of_database(cursor, known, order.fresh)
        if shown:
            target.execute(f"ALTER DATABASE {name} OWNER TO {identifier(mapping.as_owner(shown.owner))}")
            target.execute(f"ALTER DATABASE {name} CONNECTION LIMIT {shown.connection_limit}")
            if shown.comment:
                target.execute(f"COMMENT ON DATABASE {name} IS {literal(shown.comment)}")
        fresh = rights.of_database(target, order.fresh, order.fresh)
        for statement in rights.grants([acl], [fresh], mapping, target.connection.server_version):
            self._grant(target, statement)
        for role, values in sorted(found.items()):
            for native in mapping.as_grantee(role) if role else ("",):
                who = f"ROLE {identifier(native)} IN DATABASE {name}" if native else f"DATABASE {name}"
                for setting, value in sorted(values.items()):
                    target.execute(f"ALTER {who} SET {roles.assignment(setting, value, mapping)}")
