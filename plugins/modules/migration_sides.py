#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: migration_sides
short_description: Record which side serves and writes, Docker or native
version_added: 0.1.0
description:
  - Changes the host's record of sides, which plays, units and boots obey. On disk as a whole before it returns.
  - A writer changes from one side to the other by way of V(none), so that there are never two.
  - Starts and stops nothing by itself.
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes
options:
  catalogue:
    description: Migration groups, datastores and services, as P(cryptobot.native.sides_outline#filter) gives them.
    type: dict
    required: true
  compose:
    description: The Compose project, as in C(cryptobot_compose).
    type: dict
    required: true
  groups:
    description: Sides by migration group, each V(docker), V(native) or V(none). Groups that are not named stay.
    type: dict
    default: {}
  datastores:
    description: Writers by datastore, each V(docker), V(native) or V(none). Datastores that are not named stay.
    type: dict
    default: {}
  standby:
    description:
      - By migration group, whether it stands by, so that its native processes that are not exclusive run while Docker
        serves, on databases that are closed and follow. Groups that are not named stay as they are.
    type: dict
    default: {}
  fact:
    description: The fact C(cryptobot_sides) so far; what it says of ports stays.
    type: dict
    default: {}
  run:
    description: Id of the run that changes it.
    type: str
    default: ""
  directory:
    description: Where the record is.
    type: path
    default: /var/lib/cryptobot-migration
  router:
    description: Where the state of the router is, on a host that has it. It leads requests to the side that is recorded.
    type: path
    default: /var/lib/cryptobot-router
"""

EXAMPLES = r"""
- name: Nobody writes while the data are copied
  cryptobot.native.migration_sides:
    catalogue: "{{ ansible_facts['cryptobot'] | cryptobot.native.sides_outline(inventory_hostname) }}"
    compose: "{{ cryptobot_compose }}"
    groups: {supporting: none}
    datastores: {auth: none, strategy: none}
    fact: "{{ ansible_facts['cryptobot_sides'] }}"
    run: 20260102T030405
"""

RETURN = r"""
ansible_facts:
  description: The fact C(cryptobot_sides) with the sides as they are now.
  returned: success
  type: dict
  contains:
    cryptobot_sides:
      description: Sides by group, datastore and service.
      type: dict
      sample:
        groups: {supporting: none}
        datastores: {auth: none}
        services: {auth: none}
        published: [8000]
changes:
  description: What was changed, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: ["side group supporting", "side datastore auth"]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.parsing.convert_bool import boolean

from ansible_collections.cryptobot.native.plugins.module_utils.changes import Change, as_diff, summaries
from ansible_collections.cryptobot.native.plugins.module_utils.migration.sides import Sides, SidesError
from ansible_collections.cryptobot.native.plugins.module_utils.router.maps import RouterError
from ansible_collections.cryptobot.native.plugins.module_utils.router.sides import follow
from ansible_collections.cryptobot.native.plugins.module_utils.state import StateRecord

ARGUMENTS: dict[str, Any] = {
    "catalogue": {"type": "dict", "required": True},
    "compose": {"type": "dict", "required": True},
    "groups": {"type": "dict", "default": {}},
    "datastores": {"type": "dict", "default": {}},
    "standby": {"type": "dict", "default": {}},
    "fact": {"type": "dict", "default": {}},
    "run": {"type": "str", "default": ""},
    "directory": {"type": "path", "default": "/var/lib/cryptobot-migration"},
    "router": {"type": "path", "default": "/var/lib/cryptobot-router"},
}
RECORDED = ("groups", "datastores", "services", "standby")


def wanted(before: Sides, params: dict[str, Any]) -> Sides:
    """The record as it is to be. Raises SidesError."""
    sides = before
    for name, side in params["groups"].items():
        sides = sides.with_group(name, side)
    for name, side in params["datastores"].items():
        sides = sides.with_writer(name, side, params["run"])
    for name, on in params["standby"].items():
        sides = sides.with_standby(name, boolean(on))
    return sides


def main() -> None:
    """Gather, plan, and apply unless in check mode."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    catalogue = module.params["catalogue"]
    try:
        before = Sides.read(module.params["directory"], catalogue, module.params["compose"])
        after = wanted(before, module.params)
        changes = [Change(*change) for change in after.changes_from(before)]
        if changes and not module.check_mode:
            after.save()
        if not module.check_mode:
            # Also where the record says so already: whoever wrote it may have died before the router was told.
            follow(after.groups, module.params["router"])
        if changes and not module.check_mode:
            StateRecord().extend((change.kind, change.target, change.was, change.is_) for change in changes)
        fact = after.fact(catalogue) | {
            key: value for key, value in module.params["fact"].items() if key not in RECORDED
        }
    except (SidesError, RouterError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=bool(changes),
        changes=summaries(changes),
        diff=as_diff(changes, "sides"),
        ansible_facts={"cryptobot_sides": fact},
    )


if __name__ == "__main__":
    main()
