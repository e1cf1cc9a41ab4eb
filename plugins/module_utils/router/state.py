# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The adoption as it is kept on the host: for people and programs as JSON, and for a boot as nftables reads it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..migration.journal import sync_folder, write_whole
from .adoption import Adoption, text
from .maps import DIRECTORY, MODE, RouterError

ADOPTION, RULES = "adoption.json", "adoption.nft"
VERSION = 1
INTERFACES = Path("/proc/net/if_inet6")


def host_has_ipv6(path: Path = INTERFACES) -> bool:
    """Whether any interface of this host has an IPv6 address."""
    try:
        return bool(path.read_text(encoding="ascii").strip())
    except OSError:
        return False


class Kept:
    """The files of the adoption below ``directory``; there is none where nothing is adopted."""

    def __init__(self, directory: Path | str = DIRECTORY) -> None:
        self._directory = Path(directory)

    def read(self) -> Adoption | None:
        """What is to be adopted; None where nothing is. Raises RouterError for a damaged file."""
        document = self._document()
        return (
            None
            if document is None
            else Adoption(
                {(address, port): door for address, port, door in document["published"]},
                {(address, port): door for address, port, door in document["calls"]},
                frozenset(document["bridges"]),
                frozenset(document["doors"]),
            )
        )

    def ipv6(self) -> bool:
        """Whether the IPv6 table belongs to it."""
        document = self._document()
        return host_has_ipv6() if document is None else bool(document["ipv6"])

    def write(self, adoption: Adoption | None, ipv6: bool) -> None:
        """On disk before it returns. The rules of a boot come first and go last: they are there while it counts."""
        rules, record = self._directory / RULES, self._directory / ADOPTION
        if adoption is None:
            for path in (record, rules):
                path.unlink(missing_ok=True)
            sync_folder(self._directory)
            return
        write_whole(rules, text(adoption, ipv6, boot=True), MODE)
        document = {
            "version": VERSION,
            "ipv6": ipv6,
            "published": sorted([address, port, door] for (address, port), door in adoption.published.items()),
            "calls": sorted([address, port, door] for (address, port), door in adoption.calls.items()),
            "bridges": sorted(adoption.bridges),
            "doors": sorted(adoption.doors),
        }
        write_whole(record, json.dumps(document, indent=1, sort_keys=True) + "\n", MODE)

    def _document(self) -> dict[str, Any] | None:
        path = self._directory / ADOPTION
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            if document["version"] != VERSION:
                raise ValueError(f"it is of version {document['version']}, and this is version {VERSION}")
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise RouterError(
                f"{path}, the record of the adoption, cannot be read ({error}). Release the ports and adopt them again."
            ) from None
        return document
