#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: router_adoption
short_description: Lead what clients send to containers through the router, or give it back
version_added: 0.1.0
description:
  - V(adopted) redirects new connections to the project's published ports, and the calls between its containers, to
    the router's doors, by one table of nftables of its own for IPv4 and one for IPv6. No other table is changed, and
    no container is restarted or configured.
  - Connections made before stay with the container until they close. They are counted and named.
  - V(released) takes the tables off. It is refused while a migration group is not on the Docker side.
  - What is adopted is on disk before the kernel has it, and is put on again at a boot, before Docker's engine starts.
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes
  - cryptobot.native.router
options:
  state:
    description: V(adopted) or V(released).
    type: str
    choices: [adopted, released]
    required: true
  wait:
    description: Seconds to wait until connections that were made before have closed by themselves.
    type: float
    default: 0
  remaining:
    description:
      - What to do about connections of clients that are still there after O(wait). V(keep) them and say so, V(fail), or
        V(end) them, so that a request on its way fails.
    type: str
    choices: [keep, fail, end]
    default: keep
  end_calls:
    description:
      - End connections between containers that were made before, once those of clients have closed or O(wait) is
        over, while every public door is held and drained for a moment. Programs
        whose pools look before they use a connection again see nothing of it.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Adopt the containers' ports
  cryptobot.native.router_adoption:
    state: adopted
    project: cryptobot
    doors: "{{ ansible_facts['cryptobot'] | cryptobot.native.edge_doors(inventory_hostname, sides) }}"
    wait: 30
    end_calls: true
  vars:
    sides: "{{ ansible_facts['cryptobot_sides'] }}"
"""

RETURN = r"""
flows:
  description: Connections to the containers that go round the router.
  returned: success
  type: list
  elements: str
  sample: ["192.0.2.7:51234 to 172.18.0.5:8000 (by port 8000)"]
ended:
  description: How many connections between containers were ended.
  returned: success
  type: int
  sample: 12
cut:
  description: How many connections of clients were cut.
  returned: success
  type: int
  sample: 0
held_seconds:
  description: How long the public doors were held for that.
  returned: success
  type: float
  sample: 0.14
leftover:
  description: Published ports that no door stands for. They stay with their containers.
  returned: success
  type: list
  elements: str
  sample: ["postgres:5432 at 127.0.0.1:15432"]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptobot.native.plugins.module_utils.changes import Change, as_diff
from ansible_collections.cryptobot.native.plugins.module_utils.docker.engine import DockerError, Engine
from ansible_collections.cryptobot.native.plugins.module_utils.router.adopting import Adopting, Outcome
from ansible_collections.cryptobot.native.plugins.module_utils.router.adoption import Tables
from ansible_collections.cryptobot.native.plugins.module_utils.router.containers import doors
from ansible_collections.cryptobot.native.plugins.module_utils.router.flows import Flows
from ansible_collections.cryptobot.native.plugins.module_utils.router.maps import Files, RouterError
from ansible_collections.cryptobot.native.plugins.module_utils.router.state import host_has_ipv6
from ansible_collections.cryptobot.native.plugins.module_utils.router.workers import Router
from ansible_collections.cryptobot.native.plugins.module_utils.state import StateRecord

ARGUMENTS: dict[str, Any] = {
    "state": {"type": "str", "required": True, "choices": ["adopted", "released"]},
    "project": {"type": "str", "required": True},
    "doors": {"type": "list", "elements": "dict", "required": True},
    "wait": {"type": "float", "default": 0},
    "remaining": {"type": "str", "choices": ["keep", "fail", "end"], "default": "keep"},
    "end_calls": {"type": "bool", "default": False},
    "directory": {"type": "path", "default": "/var/lib/cryptobot-router"},
}


def main() -> None:
    """Gather, plan, and apply unless in check mode."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    params, ipv6, outcome = module.params, host_has_ipv6(), Outcome()
    adopted = params["state"] == "adopted"
    try:
        router = Router(Files(params["directory"]))
        adopting = Adopting(params["project"], doors(params["doors"]), router, Engine(), Tables(ipv6=ipv6), Flows())
        was, is_ = adopting.plan(adopted, ipv6)
        if was != is_ and not module.check_mode:
            adopting.put(is_, ipv6)
            StateRecord().append("router", "adoption", was.lines() if was else None, is_.lines() if is_ else None)
        if adopted and not module.check_mode:
            outcome = adopting.settle(params["wait"], params["end_calls"], params["remaining"])
    except (DockerError, RouterError, OSError) as error:
        module.fail_json(msg=str(error))
    lines = [one.lines() if one else None for one in (was, is_)]
    changes = [Change("router", "adoption", *lines)] if was != is_ else []
    module.exit_json(
        changed=bool(changes or outcome.ended or outcome.cut),
        diff=as_diff(changes, "router"),
        flows=[str(flow) for flow in outcome.flows],
        ended=outcome.ended,
        cut=outcome.cut,
        held_seconds=outcome.held_seconds,
        leftover=adopting.leftover(),
    )


if __name__ == "__main__":
    main()
