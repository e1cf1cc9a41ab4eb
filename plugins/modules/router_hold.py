#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: router_hold
short_description: Let requests of a migration group wait at the router, for a moment at most
version_added: 0.1.0
description:
  - V(held) makes new requests wait at the doors until a lease ends, by itself or by V(released). What waits longer
    than the router's limit is refused with 503.
  - Changes the router's map file, then every worker of the running router.
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes
attributes:
  idempotent:
    description: A hold is renewed by each run.
    support: partial
    details: V(released) changes nothing where nothing is held.
options:
  state:
    description: V(held) or V(released).
    type: str
    choices: [held, released]
    required: true
  groups:
    description: Migration groups; all by default.
    type: list
    elements: str
  doors:
    description: Which doors.
    type: list
    elements: str
    choices: [public, internal]
    default: [public, internal]
  seconds:
    description: How long the lease is.
    type: float
    default: 5
  every_method:
    description: Whether reads wait, too. Otherwise writes and upgrades to WebSockets do.
    type: bool
    default: false
  directory:
    description: Where the router's state is.
    type: path
    default: /var/lib/cryptobot-router
"""

EXAMPLES = r"""
- name: Let writes wait for three seconds
  cryptobot.native.router_hold:
    state: held
    groups: [supporting]
    seconds: 3
"""

RETURN = r"""
workers:
  description: How many workers were told.
  returned: success
  type: int
  sample: 1
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptobot.native.plugins.module_utils.changes import as_diff
from ansible_collections.cryptobot.native.plugins.module_utils.router.holds import Hold
from ansible_collections.cryptobot.native.plugins.module_utils.router.maps import RouterError

ARGUMENTS: dict[str, Any] = {
    "state": {"type": "str", "required": True, "choices": ["held", "released"]},
    "groups": {"type": "list", "elements": "str"},
    "doors": {"type": "list", "elements": "str", "choices": ["public", "internal"], "default": ["public", "internal"]},
    "seconds": {"type": "float", "default": 5},
    "every_method": {"type": "bool", "default": False},
    "directory": {"type": "path", "default": "/var/lib/cryptobot-router"},
}


def main() -> None:
    """Gather, plan, and apply unless in check mode."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    params, workers = module.params, 0
    until = time.time() + params["seconds"] if params["state"] == "held" else 0
    try:
        hold = Hold(params["groups"], params["doors"], until, params["every_method"], params["directory"])
        changes = hold.changes()
        if changes and not module.check_mode:
            workers = hold.apply()
    except (RouterError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(changes), workers=workers, diff=as_diff(changes, "router"))


if __name__ == "__main__":
    main()
