#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: migration_sides_info
short_description: Says which side serves and writes, Docker or native
version_added: 0.1.0
description:
  - Reads the host's record of sides. Without one everything is on the Docker side, for a Compose project is given.
  - On a host with the Docker Engine it also reads which ports the project publishes, stopped containers included, and refuses
    ports that both sides would need.
  - Gives the fact C(cryptobot_sides), which roles obey.
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes.info
options:
  catalogue:
    description: Migration groups, datastores and services, as P(cryptobot.native.sides_outline#filter) gives them.
    type: dict
    required: true
  compose:
    description: The Compose project, as in C(cryptobot_compose).
    type: dict
    required: true
  engine:
    description: Whether this host has the Docker Engine with the project.
    type: bool
    default: false
  directory:
    description: Where the record is.
    type: path
    default: /var/lib/cryptobot-migration
"""

EXAMPLES = r"""
- name: Read which side serves and writes
  cryptobot.native.migration_sides_info:
    catalogue: "{{ ansible_facts['cryptobot'] | cryptobot.native.sides_outline(inventory_hostname) }}"
    compose: "{{ cryptobot_compose }}"
    engine: "{{ 'cryptobot_docker' in group_names }}"
"""

RETURN = r"""
ansible_facts:
  description: The fact.
  returned: success
  type: dict
  contains:
    cryptobot_sides:
      description:
        - Sides (docker, native, or none while stopped on both), ports that the project publishes, and ports to reserve. On a host with
          the engine also the project, which of its ports are on loopback alone, the host's addresses on the networks of each
          Compose service, and whether the host has IPv6.
      type: dict
      sample:
        groups: {supporting: docker}
        datastores: {auth: docker}
        services: {auth: docker}
        published: [8000]
        reserved_ports: "38000"
        project: cryptobot
        loopback: []
        bridges: {auth-service: [172.18.0.1]}
        subnets: {auth-service: [172.18.0.0/16]}
        ipv6: true
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptobot.native.plugins.module_utils.docker.engine import DockerError, Engine
from ansible_collections.cryptobot.native.plugins.module_utils.migration import published
from ansible_collections.cryptobot.native.plugins.module_utils.migration.sides import Sides, SidesError
from ansible_collections.cryptobot.native.plugins.module_utils.router.containers import gateways, networks_of, subnets
from ansible_collections.cryptobot.native.plugins.module_utils.router.state import host_has_ipv6


def adopted(module: AnsibleModule, catalogue: dict[str, Any]) -> dict[str, Any]:
    """What the project publishes here, what the kernel should keep free for it, and how its containers are reached."""
    if not module.params["engine"]:
        return {"published": [], "reserved_ports": ""}
    project, engine = module.params["compose"]["project"], Engine()
    containers = published.containers_of(engine, project)
    networks = networks_of(engine, containers)
    ports = published.published_ports(containers)
    wanted = catalogue.get("ports", [])
    if found := published.clashes(ports, wanted):
        raise DockerError(" ".join(found))
    doors = {one["port"] for one in wanted if one["kind"] in published.MOVABLE}
    return {
        "published": sorted(ports),
        "reserved_ports": published.reserved(doors & set(ports), published.reserved_now()),
        "project": project,
        "loopback": published.on_loopback(containers),
        "bridges": gateways(containers, networks),
        "subnets": subnets(containers, networks),
        "ipv6": host_has_ipv6(),
    }


def main() -> None:
    """Read, and say it."""
    module = AnsibleModule(
        argument_spec={
            "catalogue": {"type": "dict", "required": True},
            "compose": {"type": "dict", "required": True},
            "engine": {"type": "bool", "default": False},
            "directory": {"type": "path", "default": "/var/lib/cryptobot-migration"},
        },
        supports_check_mode=True,
    )
    catalogue = module.params["catalogue"]
    try:
        sides = Sides.read(module.params["directory"], catalogue, module.params["compose"])
        fact = sides.fact(catalogue) | adopted(module, catalogue)
    except (SidesError, DockerError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, ansible_facts={"cryptobot_sides": fact})


if __name__ == "__main__":
    main()
