# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the schema cannot say: names that must exist, ports that clash, cycles, secrets that point nowhere.

The rules want a catalogue that fits the schema. Where one does not, they run on what is left without the faulty
places, so that one report has everything; what would only follow from such a place is not reported.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from . import derived, rules_data, rules_services
from .fields import UNKNOWN_KEY, check
from .findings import Findings
from .schema import CATALOGUE
from .templates import check_templates

Rule = Callable[[dict[str, Any], Findings], None]

# What a required key is taken for while its own fault is reported.
STAND_INS: dict[str, Any] = {
    "runtime": "python",
    "processes": {},
    "health": {"path": "/"},
    "migration_groups": [],
    "services": {},
}


@dataclass(frozen=True)
class Validated:
    """`usable`: the completed catalogue, as far as it fits the schema; None where nothing does."""

    findings: Findings
    usable: dict[str, Any] | None


def validate(catalogue: Mapping[str, Any]) -> Validated:
    """All findings of a merged catalogue."""
    findings = Findings()
    check(CATALOGUE, catalogue, "", findings)
    sound = _without(catalogue, findings)
    left = Findings()
    check(CATALOGUE, sound, "", left)
    if len(left):
        return Validated(findings, None)
    full = derived.completed(sound)
    further = Findings()
    for rule in RULES:
        rule(full, further)
    check_templates(full, further)
    faulty = {
        re.split(r"[.\[]", one.path, maxsplit=2)[1]
        for one in findings
        if "." in one.path and not one.problem.startswith(UNKNOWN_KEY)
    }
    words = re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, sorted(faulty)))})(?![\w-])") if faulty else None
    findings.extend(
        one for one in further if words is None or not (words.search(one.path) or words.search(one.problem))
    )
    return Validated(findings, full)


def _without(catalogue: Mapping[str, Any], findings: Findings) -> dict[str, Any]:
    """A copy without what the schema refuses.

    What is missing gets a stand-in; a whole entry goes where that is not enough.
    """
    sound = copy.deepcopy(dict(catalogue))
    for finding in findings:
        keys = finding.path.partition("[")[0].split(".")
        at: Any = sound
        for key in keys[:-1]:
            at = at.get(key) if isinstance(at, dict) else None
        if isinstance(at, dict):
            at.pop(keys[-1], None)
            if keys[-1] in STAND_INS:
                at[keys[-1]] = copy.deepcopy(STAND_INS[keys[-1]])
    return sound


RULES: tuple[Rule, ...] = (
    rules_services.check_names,
    rules_services.check_groups,
    rules_services.check_references,
    rules_services.check_cycles,
    rules_services.check_processes,
    rules_services.check_builds,
    rules_services.check_routes,
    rules_services.check_egress,
    rules_data.check_ports,
    rules_data.check_datastores,
    rules_data.check_secrets,
)
