#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: router_standins
short_description: Keep the names of containers that stop, so that those that call them find the router
version_added: 0.1.0
description:
  - A stopped container loses its name in Docker's DNS. A stand-in is a sleeping container on the same networks, from
    an image of the project. Its address is led to the service's door first; only then it takes the service's name. So
    V(present) comes before the container stops.
  - V(absent) takes it away, after the container was started again.
  - It is refused where the service is known by another name than its own, since that could not be kept.
  - Stops and starts no container of the project; M(cryptobot.native.docker_containers) does.
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes
  - cryptobot.native.router
options:
  state:
    description: V(present) or V(absent).
    type: str
    choices: [present, absent]
    required: true
  services:
    description: Compose services.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Keep the orchestrator's name while its container is stopped
  cryptobot.native.router_standins:
    state: present
    services: [orchestrator]
    project: cryptobot
    doors: "{{ ansible_facts['cryptobot'] | cryptobot.native.edge_doors(inventory_hostname, sides) }}"
  vars:
    sides: "{{ ansible_facts['cryptobot_sides'] }}"
"""

RETURN = r"""
services:
  description: Services whose stand-in was made, or taken away.
  returned: success
  type: list
  elements: str
  sample: [orchestrator]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptobot.native.plugins.module_utils.changes import Change, as_diff
from ansible_collections.cryptobot.native.plugins.module_utils.docker.engine import DockerError, Engine
from ansible_collections.cryptobot.native.plugins.module_utils.router.adopting import Adopting
from ansible_collections.cryptobot.native.plugins.module_utils.router.adoption import Tables
from ansible_collections.cryptobot.native.plugins.module_utils.router.containers import doors
from ansible_collections.cryptobot.native.plugins.module_utils.router.flows import Flows
from ansible_collections.cryptobot.native.plugins.module_utils.router.maps import Files, RouterError
from ansible_collections.cryptobot.native.plugins.module_utils.router.state import host_has_ipv6
from ansible_collections.cryptobot.native.plugins.module_utils.router.workers import Router
from ansible_collections.cryptobot.native.plugins.module_utils.state import StateRecord

ARGUMENTS: dict[str, Any] = {
    "state": {"type": "str", "required": True, "choices": ["present", "absent"]},
    "services": {"type": "list", "elements": "str", "required": True},
    "project": {"type": "str", "required": True},
    "doors": {"type": "list", "elements": "dict", "required": True},
    "directory": {"type": "path", "default": "/var/lib/cryptobot-router"},
}


def main() -> None:
    """Gather, plan, and apply unless in check mode."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    params, ipv6 = module.params, host_has_ipv6()
    present = params["state"] == "present"
    try:
        router = Router(Files(params["directory"]))
        adopting = Adopting(params["project"], doors(params["doors"]), router, Engine(), Tables(ipv6=ipv6), Flows())
        changes = [
            Change("router", f"stand-in for {service}", there, not there)
            for service, there in adopting.standing(params["services"]).items()
            if there is not present
        ]
        if not module.check_mode:
            (adopting.stand_in if present else adopting.stand_down)(params["services"], ipv6)
            StateRecord().extend((change.kind, change.target, change.was, change.is_) for change in changes)
    except (DockerError, RouterError, OSError) as error:
        module.fail_json(msg=str(error))
    services = [change.target.rpartition(" ")[2] for change in changes]
    module.exit_json(changed=bool(changes), services=services, diff=as_diff(changes, "router"))


if __name__ == "__main__":
    main()
