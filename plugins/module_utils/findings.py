# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a look before a transfer found: what stops it, what somebody must decide, and what is worth knowing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

BLOCKING, DECISION, NOTE = "blocking", "decision", "note"


@dataclass(frozen=True)
class Finding:
    """``object`` is what it is about; ``text`` and ``remedy`` are sentences."""

    severity: str
    code: str
    object: str
    text: str
    remedy: str = ""

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


def blocking(findings: Iterable[Finding]) -> list[Finding]:
    """What must be settled first: a decision that is still open stops as well."""
    return [each for each in findings if each.severity in (BLOCKING, DECISION)]


def sentence(findings: Iterable[Finding]) -> str:
    """Findings in one text for the operator."""
    return " ".join(f"{each.text} {each.remedy}".strip() for each in findings)
