#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: router_sides
short_description: Say to the router which side serves a migration group, and which share of its users the other one
version_added: 0.1.0
description:
  - Changes the router's map files, then every worker of the running router, those that a reload has left behind
    too, and compares.
  - Says nothing about who may write; the record of sides does.
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes
options:
  sides:
    description:
      - Side by migration group, V(docker), V(native) or V(none), which refuses requests. Groups that are not named
        stay.
    type: dict
    default: {}
  shares:
    description:
      - Of a migration group on the Docker side the percentage of users that the native side serves, from 0 to 100.
        A user stays in a share that grows.
    type: dict
    default: {}
  directory:
    description: Where the router's state is.
    type: path
    default: /var/lib/cryptobot-router
"""

EXAMPLES = r"""
- name: Let native serve a tenth of the users
  cryptobot.native.router_sides:
    shares: {supporting: 10}

- name: Lead all requests of a migration group to the native side
  cryptobot.native.router_sides:
    sides: {supporting: native}
"""

RETURN = r"""
workers:
  description: How many workers were told.
  returned: success
  type: int
  sample: 1
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptobot.native.plugins.module_utils.changes import as_diff
from ansible_collections.cryptobot.native.plugins.module_utils.router.maps import RouterError
from ansible_collections.cryptobot.native.plugins.module_utils.router.sides import Wish
from ansible_collections.cryptobot.native.plugins.module_utils.state import StateRecord

ARGUMENTS: dict[str, Any] = {
    "sides": {"type": "dict", "default": {}},
    "shares": {"type": "dict", "default": {}},
    "directory": {"type": "path", "default": "/var/lib/cryptobot-router"},
}


def main() -> None:
    """Gather, plan, and apply unless in check mode."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    workers = 0
    try:
        wish = Wish(module.params["sides"], module.params["shares"], module.params["directory"])
        changes = wish.changes()
        if not module.check_mode:
            workers = wish.apply()
            StateRecord().extend((change.kind, change.target, change.was, change.is_) for change in changes)
    except (RouterError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(changes), workers=workers, diff=as_diff(changes, "router"))


if __name__ == "__main__":
    main()
