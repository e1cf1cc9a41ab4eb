# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rights of the catalogue's roles in a copy, before it is closed: services write there as soon as a window opens it.

The copy has the source's owners and grants under the map of roles. There the services' login mostly owned everything;
natively who owns can't log in, and who logs in has rights that the source knows nothing of.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from .. import objects
from ..client import Server
from ..endpoint import Endpoint


class _There(Server):
    """The server of an endpoint, by its own way in."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint.host, endpoint.port)
        self._endpoint = endpoint

    @property
    def name(self) -> str:
        return self._endpoint.title

    @contextmanager
    def cursor(self, database: str = "postgres", role: str = "", system_user: str = "") -> Iterator[Any]:
        with self._endpoint.cursor(database) as cursor:
            yield cursor


def let_in(target: Endpoint, name: str, owner: str, access: Mapping[str, str]) -> None:
    """``access``: by role write, read or connect, as the catalogue has it. A pooler among them finds verifiers, too."""
    if not access:
        return
    pooler = objects.POOLER_ROLE if objects.POOLER_ROLE in access else None
    server, wanted = _There(target), objects.Database(name, owner, access, pooler=pooler)
    found = server.gather([], [wanted]).databases[name]
    for __ in server.apply(objects.inside(wanted, found, set(access))):
        pass
