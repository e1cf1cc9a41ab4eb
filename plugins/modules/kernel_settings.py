#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: kernel_settings
short_description: Put kernel settings into effect where the host lets us
version_added: 0.1.0
description:
  - Compares settings under C(/proc/sys) with the wanted ones and writes what differs.
  - In a container some belong to the machine around it. These are returned, and are no failure.
  - Keeping them over a reboot is the business of a file in C(/etc/sysctl.d).
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes
options:
  settings:
    description: Values by name, for example C(net.core.somaxconn).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Let Redis save in the background
  cryptobot.native.kernel_settings:
    settings: {vm.overcommit_memory: "1"}
"""

RETURN = r"""
not_applied:
  description: Settings that differ and that this host does not let us change.
  returned: always
  type: list
  elements: str
  sample: [vm.overcommit_memory]
changes:
  description: What was changed, or would be in check mode.
  returned: always
  type: list
  elements: str
  sample: ["sysctl net.core.somaxconn"]
plan:
  description:
    - The same as kind, target and action of each; one form for all modules.
    - C(unknown) says what of it can't be told ahead.
  returned: always
  type: list
  elements: dict
  sample: [{kind: sysctl, target: vm.overcommit_memory, action: change}]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptobot.native.plugins.module_utils import kernel
from ansible_collections.cryptobot.native.plugins.module_utils.changes import Change, as_diff, as_plan, summaries
from ansible_collections.cryptobot.native.plugins.module_utils.state import StateRecord
from ansible_collections.cryptobot.native.plugins.module_utils.turn import take_turn


def main() -> None:
    """Gather, plan, and apply unless in check mode."""
    module = AnsibleModule(argument_spec={"settings": {"type": "dict", "required": True}}, supports_check_mode=True)
    take_turn(module, "kernel_settings")
    wanted = {name: str(value) for name, value in module.params["settings"].items()}
    found = kernel.read(list(wanted))
    names = kernel.different(wanted, found)
    possible = [name for name in names if kernel.writable(name)]
    if not module.check_mode:
        # Before it is made: of a change that is killed in between the record knows.
        StateRecord().extend(("sysctl", name, found[name], wanted[name]) for name in possible)
        possible = [name for name in possible if kernel.write(name, wanted[name])]
    changes = [Change("sysctl", name, found[name], wanted[name]) for name in possible]
    module.exit_json(
        changed=bool(changes),
        changes=summaries(changes),
        plan=as_plan(changes),
        not_applied=[name for name in names if name not in possible],
        diff=as_diff(changes, "kernel settings"),
    )


if __name__ == "__main__":
    main()
