# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong in a copy, as sentences: what is wrong, where, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..endpoint import Endpoint, EndpointError, said
from .pipe import CopyError

DISK_FULL = "53100"
_KEPT = "What was copied stays in {fresh}, which nothing takes for whole; the next run goes on from there."
_REMEDIES = {
    "0A000": "Install what it names on the native host, then run again.",
    "58P01": "Install the package that brings that file or extension (SELECT * FROM pg_available_extensions), then run again.",
    "42704": "Make it on the target (an extension's package, a role, a locale, a text search configuration), then run again.",
    "22023": "Generate the locale on the host (package locales, then locale-gen and a restart of PostgreSQL), or give the database another by locale.",
    "53200": "Raise max_locks_per_transaction or the memory of the target, then run again.",
    "53300": "Raise max_connections of the server, or lower jobs, then run again.",
    "57P01": "The server was stopped meanwhile. Start it, then run again.",
    "57P03": "The server is starting or stopping. Wait for it, then run again.",
    "23503": "The source itself breaks this key. Correct its rows or drop the key there, then run again.",
    "23505": "The source itself holds both rows, although its index says they are one (a damaged index: REINDEX there shows "
    "them). Correct them, then run again.",
}  # fmt: skip


class TransferError(RuntimeError):
    """A copy can't be made or went wrong; the text is a sentence. ``code`` is the SQLSTATE where there is one."""

    def __init__(self, text: str, code: str = "") -> None:
        super().__init__(text)
        self.code = code


@contextmanager
def explained(target: Endpoint, fresh: str, what: str = "", source: Endpoint | None = None) -> Iterator[None]:
    """Turns what a server or the line says inside into a sentence that names the object."""
    try:
        yield
    except (TransferError, EndpointError):
        raise
    except CopyError as error:
        server = (source or target) if error.side == "source" else target
        raise TransferError(_sentence(server, fresh, what, str(error), error.code), error.code) from None
    except Exception as error:
        code = getattr(error, "pgcode", None)
        if code is None and "psycopg2" not in type(error).__module__:
            raise
        if code is None:
            code = "08006"
        raise TransferError(_sentence(target, fresh, what, said(error), code), code) from None


def _sentence(server: Endpoint, fresh: str, what: str, text: str, code: str) -> str:
    where = f"{server.title}, {what or fresh}"
    kept = _KEPT.format(fresh=fresh)
    if code == DISK_FULL:
        return f"{where}: the disk is full ({text.rstrip('.')}). Make room, then run again."
    if code.startswith("08"):
        return f"{where}: the connection was lost ({text.rstrip('.')}). {kept}"
    remedy = _REMEDIES.get(code, "")
    return f"{where}: {text.rstrip('.')}. {remedy or kept}"
