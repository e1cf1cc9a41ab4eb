# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong with a fence, as sentences."""

from __future__ import annotations


class FenceError(RuntimeError):
    """A fence can't be put in, taken out or moved; the text is a sentence for the operator."""


class NotOurs(FenceError):
    """A compare-and-set found another state or epoch than it named: somebody else has decided."""
