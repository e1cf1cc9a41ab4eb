# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must be known of a Redis as long as it is closed, and of our own users: on disk before anything is changed.

A server that starts again may have forgotten all of it. The file holds passwords, so root alone may read it.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ...migration.journal import write_whole
from ..client import RedisError
from .rights import User

MODE = 0o600
BYTES = 24


@dataclass(frozen=True)
class Page:
    """Of one side: the passwords of our users there, and everyone's rights as they were when it was open last.
    ``closed``: whether it was closed by us since, so that what is seen now may be less."""

    controller: str
    follower: str
    closed: bool = False
    users: Mapping[str, User] = field(default_factory=dict)


class Book:
    """One datastore's file."""

    def __init__(self, path: Path | str) -> None:
        self._path = Path(path)

    def page(self, side: str) -> Page:
        """What is known; with passwords that were just made where nothing is."""
        pages = self._read()
        if side not in pages:
            pages[side] = Page(secrets.token_hex(BYTES), secrets.token_hex(BYTES))
            self._write(pages)
        return pages[side]

    def keep(self, side: str, users: Iterable[tuple[User, bool]]) -> Page:
        """Keep rights before they are taken; each user comes with whether it may write now.

        Of one that was closed before what was kept then stays: less is seen of it now than it had.
        """
        page = self.page(side)
        kept = {
            user.name: page.users[user.name] if page.closed and not writes and user.name in page.users else user
            for user, writes in users
        }
        return self._put(side, Page(page.controller, page.follower, True, kept))

    def opened(self, side: str) -> None:
        """The rights are back: what is seen from now on counts."""
        page = self.page(side)
        if page.closed:
            self._put(side, Page(page.controller, page.follower, False, page.users))

    def _put(self, side: str, page: Page) -> Page:
        pages = self._read()
        if pages.get(side) != page:
            self._write({**pages, side: page})
        return page

    def _read(self) -> dict[str, Page]:
        try:
            document = json.loads(self._path.read_text(encoding="utf-8"))
            return {side: _page(found) for side, found in document.items()}
        except FileNotFoundError:
            return {}
        except (ValueError, KeyError, TypeError, AttributeError):
            raise RedisError(
                f"{self._path} is damaged, and it holds the rights that users of Redis get back. Restore it from a "
                "backup, or set the rights by hand and remove it"
            ) from None

    def _write(self, pages: Mapping[str, Page]) -> None:
        document: dict[str, Any] = {}
        for side, page in pages.items():
            document[side] = {**asdict(page), "users": [asdict(user) for user in page.users.values()]}
        write_whole(self._path, json.dumps(document, indent=1, sort_keys=True) + "\n", MODE)


def _page(found: Mapping[str, Any]) -> Page:
    users = [User.from_dict(each) for each in found["users"]]
    return Page(found["controller"], found["follower"], found["closed"], {user.name: user for user in users})
