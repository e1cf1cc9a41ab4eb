# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""By which formula the digests of a backup were made, so that another version of the collection never takes what it can't
check for damaged, or for whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FORMULA = 1
"""SHA-256 of a file's bytes; of a directory, of a listing with a line of JSON for each entry, in the order of names. Another
number as soon as the same content would get another digest."""


def unknown(content: Mapping[str, Any], what: str) -> str:
    """Why the digests of ``what`` can't be checked here; nothing where they can."""
    found = content.get("formula")
    if found == FORMULA:
        return ""
    words = "does not say by which formula its digests were made" if found is None else f"has digests by formula {found}"
    return f"{what} {words}, and this version of the collection checks formula {FORMULA}. Restore it with the version that saved it."
