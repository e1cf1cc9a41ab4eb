#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: router_state
short_description: Lay out what the router reads and keeps while either side can serve
version_added: 0.1.0
description:
  - Makes the router's directory with its map files, in which every migration group has its entries. Entries that
    are there stay as they are, whatever they say.
  - With the Docker Engine on this host, writes down the addresses of the containers behind the doors and accesses, and
    tells them to the running router.
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes
options:
  doors:
    description: The doors, as P(cryptobot.native.edge_doors#filter) gives them.
    type: list
    elements: dict
    required: true
  accesses:
    description: Shared datastores in containers, as P(cryptobot.native.edge_accesses#filter) gives them.
    type: list
    elements: dict
    default: []
  groups:
    description: Side by migration group, for groups that have no entry yet.
    type: dict
    required: true
  project:
    description: The Compose project, on a host with its engine. Empty, no container is looked for.
    type: str
    default: ""
  directory:
    description: Where the state is.
    type: path
    default: /var/lib/cryptobot-router
"""

EXAMPLES = r"""
- name: Lay out the router's state
  cryptobot.native.router_state:
    doors: "{{ ansible_facts['cryptobot'] | cryptobot.native.edge_doors(inventory_hostname, sides) }}"
    groups: "{{ sides.groups }}"
    project: cryptobot
  vars:
    sides: "{{ ansible_facts['cryptobot_sides'] }}"
"""

RETURN = r"""
changes:
  description: What was changed, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: ["router map side", "router containers"]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptobot.native.plugins.module_utils.changes import as_diff, summaries
from ansible_collections.cryptobot.native.plugins.module_utils.docker.engine import DockerError, Engine
from ansible_collections.cryptobot.native.plugins.module_utils.router.containers import accesses, doors
from ansible_collections.cryptobot.native.plugins.module_utils.router.layout import Layout
from ansible_collections.cryptobot.native.plugins.module_utils.router.maps import RouterError
from ansible_collections.cryptobot.native.plugins.module_utils.state import StateRecord

ARGUMENTS: dict[str, Any] = {
    "doors": {"type": "list", "elements": "dict", "required": True},
    "accesses": {"type": "list", "elements": "dict", "default": []},
    "groups": {"type": "dict", "required": True},
    "project": {"type": "str", "default": ""},
    "directory": {"type": "path", "default": "/var/lib/cryptobot-router"},
}


def main() -> None:
    """Gather, plan, and apply unless in check mode."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    params = module.params
    try:
        containers = Engine().containers(params["project"]) if params["project"] else []
        layout = Layout(
            params["directory"],
            doors(params["doors"]),
            params["groups"],
            containers,
            accesses=accesses(params["accesses"]),
        )
        changes = layout.changes()
        if changes and not module.check_mode:
            layout.apply()
            StateRecord().extend((change.kind, change.target, change.was, change.is_) for change in changes)
    except (DockerError, RouterError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(changes), changes=summaries(changes), diff=as_diff(changes, "router"))


if __name__ == "__main__":
    main()
