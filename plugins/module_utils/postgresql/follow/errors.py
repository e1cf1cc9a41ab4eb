# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong while one database follows another, as sentences."""

from __future__ import annotations


class FollowError(RuntimeError):
    """A database can't follow, or has not; the text is a sentence for the operator."""
