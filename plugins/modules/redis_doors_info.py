#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: redis_doors_info
short_description: See from the inside what Redis users may do
version_added: 0.1.0
description:
  - Comes in as each user with its own password, and tries its own keys, those of others, and commands that reach beyond keys.
  - Tries without a password too, which must be refused. Nothing is written.
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes.info
options:
  port:
    description: Port of the instance on loopback.
    type: int
    required: true
  users:
    description: Users, each with C(name) and C(prefixes).
    type: list
    elements: dict
    required: true
  passwords:
    description: Lists of passwords by user, as JSON in Base64.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Look as the services do
  cryptobot.native.redis_doors_info:
    port: 6379
    users: [{name: auth, prefixes: ["auth:"]}]
    passwords: "{{ {'auth': [vaulted]} | to_json | b64encode }}"
"""

RETURN = r"""
findings:
  description: What is not as it should be, as sentences.
  returned: always
  type: list
  elements: str
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptobot.native.plugins.module_utils.redis import doors as redis_doors
from ansible_collections.cryptobot.native.plugins.module_utils.redis.client import RedisError
from ansible_collections.cryptobot.native.plugins.module_utils.secret_values import unpack


def main() -> None:
    """Visit, and collect what is wrong."""
    module = AnsibleModule(
        argument_spec={
            "port": {"type": "int", "required": True},
            "users": {"type": "list", "elements": "dict", "required": True},
            "passwords": {"type": "str", "required": True, "no_log": True},
        },
        supports_check_mode=True,
    )
    passwords = unpack(module.params["passwords"])
    try:
        findings = redis_doors.findings(module.params["users"], passwords, module.params["port"])
    except RedisError as error:
        module.fail_json(msg=f"{error}. See journalctl --unit redis-server@cryptobot.service.")
    module.exit_json(changed=False, findings=findings)


if __name__ == "__main__":
    main()
