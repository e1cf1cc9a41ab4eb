#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: postgresql_doors_info
short_description: See from the inside what system users may do in PostgreSQL
version_added: 0.1.0
description:
  - Comes in by peer authentication as each of the given system users and asks the server what that role may do.
  - Tries a door of each database as a stranger too, who must be refused.
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes.info
options:
  socket:
    description: Directory of the server's socket.
    type: path
    default: /run/postgresql
  port:
    description: Port, which is part of the socket's name.
    type: int
    default: 5432
  doors:
    description: Who comes in, each with C(user), C(role), C(database) and C(access) (V(write), V(read) or V(define)).
    type: list
    elements: dict
    required: true
  databases:
    description: Who may connect to which of the platform's databases; a role must not reach another one.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Look as the service does
  cryptobot.native.postgresql_doors_info:
    doors:
      - {user: cryptobot-auth, role: auth, database: auth, access: write}
    databases:
      - {name: auth, access: {auth: write}}
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

from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.client import Server
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.doors import Door, findings


def main() -> None:
    """Visit every door, and collect what is wrong."""
    module = AnsibleModule(
        argument_spec={
            "socket": {"type": "path", "default": "/run/postgresql"},
            "port": {"type": "int", "default": 5432},
            "doors": {"type": "list", "elements": "dict", "required": True},
            "databases": {"type": "list", "elements": "dict", "required": True},
        },
        supports_check_mode=True,
    )
    server = Server(module.params["socket"], module.params["port"])
    databases = {each["name"]: each["access"] for each in module.params["databases"]}
    doors = [Door(**options) for options in module.params["doors"]]
    module.exit_json(changed=False, findings=findings(server, doors, databases))


if __name__ == "__main__":
    main()
