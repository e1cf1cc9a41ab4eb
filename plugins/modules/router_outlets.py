#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: router_outlets
short_description: Let one side alone connect to some networks, as an exchange's
version_added: 0.1.0
description:
  - While both sides of a service run, the one that does not write is refused its connections to the networks of C(egress_fence) in the
    catalogue, new ones and those that are open. The module M(cryptobot.native.cutover) changes which one that is.
  - It is a table of nftables of its own. Containers are known by their addresses, which the router's watcher follows, native processes
    by their user.
  - V(present) goes by the record of sides; a group that is not recorded is on the Docker side.
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes
options:
  groups:
    description: Migration groups.
    type: list
    elements: str
    required: true
  outlets:
    description: Services of these groups, as the filter P(cryptobot.native.migration_outlets#filter) gives them.
    type: list
    elements: dict
    default: []
    suboptions:
      service:
        description: The service.
        type: str
        required: true
      group:
        description: Its migration group.
        type: str
        required: true
      containers:
        description: Its Compose services.
        type: list
        elements: str
        default: []
      user:
        description: The system user that it runs as natively.
        type: str
        required: true
      networks:
        description: Addresses and networks, or V(any), which is all that are not private.
        type: list
        elements: str
        required: true
  state:
    description: V(absent) lets both sides of the groups connect again.
    type: str
    choices: [present, absent]
    default: present
  project:
    description: Name of the Compose project.
    type: str
    required: true
  sides:
    description: Where the record of sides is.
    type: path
    default: /var/lib/cryptobot-migration
  directory:
    description: Where the router's state is.
    type: path
    default: /var/lib/cryptobot-router
"""

EXAMPLES = r"""
- name: Let only the side that writes connect to the exchange
  cryptobot.native.router_outlets:
    groups: [critical]
    outlets: "{{ ansible_facts['cryptobot'] | cryptobot.native.migration_outlets('critical') }}"
    project: cryptobot
"""

RETURN = r"""
closed:
  description: By migration group the sides that are refused.
  returned: success
  type: dict
  sample: {"critical": ["native"]}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.cryptobot.native.plugins.module_utils.changes import Change, as_diff
from ansible_collections.cryptobot.native.plugins.module_utils.docker.engine import DockerError, Engine
from ansible_collections.cryptobot.native.plugins.module_utils.launcher.sides import SidesError, read
from ansible_collections.cryptobot.native.plugins.module_utils.router.maps import RouterError, locked
from ansible_collections.cryptobot.native.plugins.module_utils.router.outlets import Book, Outlet, Outlets, unreachable

OUTLET: dict[str, Any] = {
    "service": {"type": "str", "required": True},
    "group": {"type": "str", "required": True},
    "containers": {"type": "list", "elements": "str", "default": []},
    "user": {"type": "str", "required": True},
    "networks": {"type": "list", "elements": "str", "required": True},
}
ARGUMENTS: dict[str, Any] = {
    "groups": {"type": "list", "elements": "str", "required": True},
    "outlets": {"type": "list", "elements": "dict", "default": [], "options": OUTLET},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "project": {"type": "str", "required": True},
    "sides": {"type": "path", "default": "/var/lib/cryptobot-migration"},
    "directory": {"type": "path", "default": "/var/lib/cryptobot-router"},
}


def work(options: dict[str, Any], check: bool) -> dict[str, Any]:
    """Plans, and unless in check mode does it."""
    kept = Outlets(options["directory"])
    present = options["state"] == "present"
    outlets = [Outlet.parsed(each) for each in options["outlets"]] if present else []
    containers = Engine().containers(options["project"]) if present or kept.read().outlets else []
    if wrong := unreachable(outlets, containers):
        raise RouterError(" ".join(wrong))
    record = read(options["sides"])
    was = kept.read()
    wanted = kept.wanted(outlets, options["groups"], record.groups if record else {}, containers)
    if not check and wanted != was:
        with locked(options["directory"]):
            kept.put(wanted)
    changes = differences(was, wanted)
    return {"changed": bool(changes), "closed": {name: list(each) for name, each in wanted.closed.items()}, "diff": as_diff(changes, "router")}


def differences(was: Book, wanted: Book) -> list[Change]:
    """By service who is refused where; addresses are no difference."""
    before, after = shown(was), shown(wanted)
    return [
        Change("router", f"outlet of {name}", before.get(name), after.get(name))
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]


def shown(book: Book) -> dict[str, Any]:
    return {
        each.service: {"networks": list(each.networks), "refused": list(book.closed.get(each.group, ()))} for each in book.outlets
    }


def main() -> None:
    """Gather, plan, and apply unless in check mode."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        result = work(module.params, module.check_mode)
    except (DockerError, RouterError, SidesError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
