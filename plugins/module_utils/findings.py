# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a look before a transfer found: what stops it, what somebody must decide, and what is worth knowing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace

BLOCKING, DECISION, WARNING, ACCEPTED, NOTE = "blocking", "decision", "warning", "accepted", "note"
SEVERITIES = (BLOCKING, DECISION, WARNING, ACCEPTED, NOTE)
"""The gravest first. `accepted` is a decision that the operator has made."""


@dataclass(frozen=True)
class Finding:
    """``object`` is what it is about; ``text`` and ``remedy`` are sentences; ``evidence`` is what was seen."""

    severity: str
    code: str
    object: str
    text: str
    remedy: str = ""
    evidence: str = ""

    @property
    def name(self) -> str:
        """What an operator writes to accept it."""
        return f"{self.code}:{self.object}" if self.object else self.code

    @property
    def is_open(self) -> bool:
        """Whether it must be settled first: a decision that has not been made stops as well."""
        return self.severity in (BLOCKING, DECISION)

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


def ranked(findings: Iterable[Finding], accept: Sequence[str] = ()) -> list[Finding]:
    """The gravest first and each once. Decisions named in ``accept``, as `code` or `code:object`, have been made."""
    known = dict.fromkeys(_answered(each, accept) for each in findings)
    return sorted(known, key=lambda each: (SEVERITIES.index(each.severity), each.code, each.object))


def _answered(one: Finding, accept: Sequence[str]) -> Finding:
    made = one.severity == DECISION and (one.code in accept or one.name in accept)
    return replace(one, severity=ACCEPTED, remedy="Accepted by the operator.") if made else one


def blocking(findings: Iterable[Finding]) -> list[Finding]:
    """What must be settled first."""
    return [each for each in findings if each.is_open]


def sentence(findings: Iterable[Finding]) -> str:
    """Findings in one text for the operator, with the answer that lets open decisions pass."""
    found = list(findings)
    said = [f"{each.text} {each.remedy}".strip() for each in found]
    if decisions := [each.name for each in found if each.severity == DECISION]:
        said.append(f"What is to stay as it is, is named in the inventory: cryptobot_compose: {{accept: {decisions}}}.")
    return " ".join(said)
