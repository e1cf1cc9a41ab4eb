#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: edge_servers
short_description: Keep requests from processes of another host while they restart
version_added: 0.1.0
description:
  - Runs on the proxy's host. With O(state=drained) the proxy sends no new requests to the given servers and those under way end, where
    another host serves meanwhile. What nobody else serves is left as it is.
  - With O(state=ready) they take requests again, those too that a play left closed when it was interrupted.
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes
options:
  servers:
    description: The servers, as P(cryptobot.native.edge_servers#filter) gives them.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Its name in the proxy's backends.
        type: str
        required: true
      backends:
        description: The proxy's backends that have it.
        type: list
        elements: str
        required: true
      drain_seconds:
        description: How long its requests may take to end.
        type: float
        default: 20
      live:
        description: Whether it is of the slot that serves.
        type: bool
        default: true
  state:
    description: What the proxy is to do with them.
    type: str
    choices: [drained, ready]
    required: true
  gate:
    description: Whether to wait, with O(state=ready), until the proxy sees all live ones up, and to fail where it does not.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Keep requests from what is about to restart
  cryptobot.native.edge_servers:
    servers: "{{ units | cryptobot.native.edge_servers(plan.slots, plan.interrupted) }}"
    state: drained
  delegate_to: "{{ groups['cryptobot_edge'] | first }}"
"""

RETURN = r"""
servers:
  description: Those that were closed, or opened again, as door and server.
  returned: always
  type: list
  elements: str
  sample: [auth_web/a1-2]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptobot.native.plugins.module_utils.units.edge import Edge, EdgeError
from ansible_collections.cryptobot.native.plugins.module_utils.units.servers import Server, drain, undrain

SERVER = {
    "name": {"type": "str", "required": True},
    "backends": {"type": "list", "elements": "str", "required": True},
    "drain_seconds": {"type": "float", "default": 20},
    "live": {"type": "bool", "default": True},
}
OPTIONS = {
    "servers": {"type": "list", "elements": "dict", "required": True, "options": SERVER},
    "state": {"type": "str", "choices": ["drained", "ready"], "required": True},
    "gate": {"type": "bool", "default": True},
}
REMEDY = "Look at both hosts: journalctl -u cryptobot-edge here, and the process's unit there. Then run the play again, over the proxy's host too."


def main() -> None:
    """Asks the proxy; in check mode nothing is closed, since nothing restarts."""
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)
    if module.check_mode:
        module.exit_json(changed=False, servers=[])
    wanted = [Server(**{**one, "backends": tuple(one["backends"])}) for one in module.params["servers"]]
    edge = Edge()
    if not edge.here:
        module.fail_json(msg="The proxy does not run on this host. Start it: systemctl start cryptobot-edge. Then run the play again.")
    try:
        moved = drain(edge, wanted) if module.params["state"] == "drained" else undrain(edge, wanted, module.params["gate"])
    except (EdgeError, OSError) as error:
        module.fail_json(msg=f"{error}. {REMEDY}")
    module.exit_json(changed=bool(moved), servers=moved)


if __name__ == "__main__":
    main()
