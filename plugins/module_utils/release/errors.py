# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong with a release, said once."""

from __future__ import annotations

import errno


class ReleaseError(Exception):
    """What is wrong, where, and what to do instead."""


def explain(error: OSError, doing: str) -> ReleaseError:
    """Turn an error of the operating system, met while ``doing`` something, into a sentence."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        where = error.filename or "the file system"
        return ReleaseError(
            f"{doing}: the disk is full ({where}). Make room (df -h shows where) and run again: what was begun is redone."
        )
    return ReleaseError(f"{doing}: {error.strerror or error} ({error.filename}).")
