# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One finding on a host, and how bad it can be."""

from __future__ import annotations

from dataclasses import dataclass

from ..findings import BLOCKING, NOTE, Finding

WARNING = "warning"
SEVERITIES = (BLOCKING, "decision", WARNING, NOTE)
"""The worst first."""


@dataclass(frozen=True)
class HostFinding(Finding):
    """``evidence``: what was seen, as it was seen."""

    evidence: str = ""


__all__ = ["BLOCKING", "NOTE", "SEVERITIES", "WARNING", "HostFinding"]
