#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: packages
short_description: Install Debian packages, predicting honestly on a bare host
version_added: 0.1.0
description:
  - Installs what is missing in one transaction, without recommended packages and without questions; never upgrades or removes.
  - Needs neither C(python3-apt) nor package lists to plan. Lists are fetched only when something is missing and they are absent or old.
  - Waits for another installation that is under way, and names it when the waiting ends.
  - Every package that came is kept in the host's record of state, dependencies included.
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes
options:
  packages:
    description: Names of packages. V(a | b) is satisfied by any of the alternatives, and installs the first when there is none.
    type: list
    elements: str
    required: true
  mask:
    description:
      - Units that must not run, masked before a package is installed that brings them.
      - A unit that the host has already is left as it is, since then the package is somebody else's.
    type: list
    elements: str
    default: []
  hold:
    description: Packages that are marked so that unattended upgrades leave them alone.
    type: list
    elements: str
    default: []
  lists_valid_hours:
    description: Age in hours from which package lists are fetched again before an installation.
    type: float
    default: 24
  lock_timeout:
    description: Seconds to wait for another installation.
    type: int
    default: 300
"""

EXAMPLES = r"""
- name: Install the proxy, whose packaged service must stay off
  cryptobot.native.packages:
    packages: [haproxy]
    mask: [haproxy.service]
"""

RETURN = r"""
changes:
  description: What was changed, or would be in check mode.
  returned: always
  type: list
  elements: str
  sample: ["package haproxy"]
not_knowable:
  description: Packages of which versions and dependencies can't be told before package lists are fetched. Only in check mode.
  returned: always
  type: list
  elements: str
  sample: []
plan:
  description:
    - The same as kind, target and action of each; one form for all modules.
    - C(unknown) says what of it can't be told ahead.
  returned: always
  type: list
  elements: dict
  sample: [{kind: package, target: haproxy, action: add}]
"""

import shutil
from collections.abc import Callable
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptobot.native.plugins.module_utils import packages
from ansible_collections.cryptobot.native.plugins.module_utils.changes import Change, as_diff, as_plan, summaries
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql import unfinished
from ansible_collections.cryptobot.native.plugins.module_utils.state import StateRecord
from ansible_collections.cryptobot.native.plugins.module_utils.turn import take_turn


class Apt:
    """Runs apt and dpkg for one module call."""

    def __init__(self, module: AnsibleModule) -> None:
        self._module = module

    def run(self, *argv: str) -> tuple[int, str, str]:
        return self._module.run_command(list(argv), environ_update=packages.ENVIRONMENT)

    def must(self, *argv: str) -> str:
        code, out, err = self.run(*argv)
        if code:
            said = "\n".join(line for line in (err or out).splitlines() if line.startswith(("E:", "W:", "dpkg"))) or err or out
            self._module.fail_json(
                msg=f"{' '.join(argv[:2])} failed (exit {code}): {said.strip()}. See that the package sources of this host answer "
                "(apt-get update), then run again.",
                stdout=out,
                stderr=err,
            )
        return out

    def gather(self, wanted: packages.Wanted) -> packages.Found:
        versions, unfinished = packages.parse_status(self.must(*packages.STATUS_QUERY))
        held = self.must("apt-mark", "showhold").split() if wanted.hold else []
        return packages.Found(versions, unfinished, frozenset(held), packages.known_units(wanted.mask), packages.interrupted(), packages.lists_age())

    def simulate(self, planned: packages.Plan) -> list[tuple[str, str]] | None:
        if not planned.missing:
            return []
        if planned.update_first:
            return None
        code, out, _err = self.run(*packages.SIMULATE, *planned.missing)
        return None if code else packages.parse_simulation(out)

    def apply(self, planned: packages.Plan, before: packages.Found, record: StateRecord) -> list[Change]:
        """What is known ahead is recorded ahead, so that of an installation that is killed in between the record knows."""
        around, noted = packages.surroundings(), list[Change]()

        def note(changes: list[Change]) -> None:
            new = [change for change in changes if change not in noted]
            record.extend((change.kind, change.target, change.was, change.is_) for change in new)
            noted.extend(new)

        if planned.mask:
            note(packages.masks(planned))
            self.must("systemctl", "mask", *planned.mask)
        if planned.unfinished or planned.interrupted:
            self._repair(before)
        if planned.missing:
            self._install(planned, lambda simulated: note(packages.differences(before.versions, before.versions | dict(simulated))))
        after, __ = packages.parse_status(self.must(*packages.STATUS_QUERY))
        changes = packages.differences(before.versions, after)
        note(changes)
        # Some packages leave their accounts and empty directories behind when they go.
        ran = packages.scripts(change.target for change in changes if change.was is None)
        note(packages.brought(around, packages.surroundings(), ran))
        if planned.hold:
            note(holds := packages.holds(planned))
            self.must("apt-mark", "hold", *planned.hold)
            changes += holds
        return packages.masks(planned) + changes

    def _repair(self, before: packages.Found) -> None:
        """Go on where an installation was killed. What dpkg can't configure lacks files, or others that apt has to bring first."""
        for directory in unfinished.halfway(before.unfinished):
            shutil.rmtree(directory)
        self.run("dpkg", "--configure", "--pending")
        if packages.parse_status(self.must(*packages.STATUS_QUERY))[1]:
            if before.lists_age is None:
                self.must("apt-get", "update", "--quiet")
            self.must(*packages.INSTALL, "--fix-broken")

    def _install(self, planned: packages.Plan, note: Callable[[list[tuple[str, str]]], None]) -> None:
        if planned.update_first:
            self.must("apt-get", "update", "--quiet")
        else:
            note(packages.parse_simulation(self.run(*packages.SIMULATE, *planned.missing)[1]))
            if self.run(*packages.INSTALL, *planned.missing)[0] == 0:
                return
            # Lists may name versions that the archive has replaced since.
            self.must("apt-get", "update", "--quiet")
        note(packages.parse_simulation(self.run(*packages.SIMULATE, *planned.missing)[1]))
        self.must(*packages.INSTALL, *planned.missing)


def arguments() -> dict[str, Any]:
    words = {"type": "list", "elements": "str", "default": []}
    return {
        "packages": {"type": "list", "elements": "str", "required": True},
        "mask": words,
        "hold": words,
        "lists_valid_hours": {"type": "float", "default": 24},
        "lock_timeout": {"type": "int", "default": 300},
    }


def main() -> None:
    """Gather, plan, and apply unless in check mode."""
    module = AnsibleModule(argument_spec=arguments(), supports_check_mode=True)
    take_turn(module, "packages")
    apt = Apt(module)
    wanted = packages.Wanted(*(tuple(module.params[name]) for name in ("packages", "mask", "hold")))
    found = apt.gather(wanted)
    planned = packages.plan(wanted, found, module.params["lists_valid_hours"])
    not_knowable: list[str] = []
    if module.check_mode:
        simulated = apt.simulate(planned)
        changes = packages.predicted(planned, found, simulated)
        not_knowable = list(planned.missing) if simulated is None else []
    elif planned.changed:
        try:
            packages.wait_for_locks(module.params["lock_timeout"])
        except packages.PackagesError as error:
            module.fail_json(msg=str(error))
        changes = apt.apply(planned, found, StateRecord())
    else:
        changes = []
    module.exit_json(
        changed=planned.changed,
        changes=summaries(changes),
        plan=as_plan(changes),
        not_knowable=not_knowable,
        diff=as_diff(changes, "packages"),
    )


if __name__ == "__main__":
    main()
