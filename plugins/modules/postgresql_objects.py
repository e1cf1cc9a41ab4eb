#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: postgresql_objects
short_description: Make PostgreSQL roles, databases and rights in one call
version_added: 0.1.0
description:
  - Compares any number of roles and databases with the local server and makes what is missing or different.
  - The listed roles get exactly the listed rights in the listed databases, C(PUBLIC) gets none, and everyone else keeps what they have.
  - Nothing is dropped. Works as root, by peer authentication as the server's administrator.
  - In check mode on a host without a server everything is predicted as missing.
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes
options:
  socket:
    description: Directory of the server's socket.
    type: path
    default: /run/postgresql
  port:
    description: Port, which is part of the socket's name.
    type: int
    default: 5432
  roles:
    description: The roles.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The name.
        type: str
        required: true
      login:
        description: Whether it may log in.
        type: bool
        default: true
      connection_limit:
        description: Most connections at a time; V(-1) is no limit.
        type: int
        default: -1
      member_of:
        description: Roles whose rights it may take.
        type: list
        elements: str
        default: []
      settings:
        description: By database, settings that hold for this role there.
        type: dict
        default: {}
      password:
        description: Whether it has a password in O(passwords). Read by the role only.
        type: bool
        default: false
  databases:
    description: The databases.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The name.
        type: str
        required: true
      owner:
        description: The role that owns it and what is in it.
        type: str
        required: true
      access:
        description: By role, V(write) (all data, no definitions), V(read) or V(connect).
        type: dict
        default: {}
      locale:
        description: Collation and character type of a new database. The encoding is UTF8.
        type: str
        default: C.UTF-8
      extensions:
        description: Extensions to create.
        type: list
        elements: str
        default: []
      pooler:
        description: Role of a connection pooler, which gets a function to look up verifiers with.
        type: str
  passwords:
    description:
      - Passwords by role, as JSON in Base64, so that no single value is matched against (and cut out of) other output.
      - Only verifiers made here are sent to the server. Those of roles that are not named stay.
    type: str
"""

EXAMPLES = r"""
- name: Make the database of one service
  cryptobot.native.postgresql_objects:
    roles:
      - {name: auth_owner, login: false}
      - {name: auth}
      - {name: auth_migrate, member_of: [auth_owner], settings: {auth: {role: auth_owner}}}
    databases:
      - {name: auth, owner: auth_owner, access: {auth: write, auth_migrate: connect}}
"""

RETURN = r"""
changes:
  description: What was changed, or would be in check mode.
  returned: always
  type: list
  elements: str
  sample: ["postgresql role auth", "postgresql database auth"]
plan:
  description:
    - The same as kind, target and action of each; one form for all modules.
    - C(unknown) says what of it can't be told ahead.
  returned: always
  type: list
  elements: dict
  sample: [{kind: postgresql, target: role auth, action: add}]
"""

import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptobot.native.plugins.module_utils.postgresql import objects
from ansible_collections.cryptobot.native.plugins.module_utils.changes import as_diff, as_plan, summaries
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.client import PostgresqlError, Server
from ansible_collections.cryptobot.native.plugins.module_utils.secret_values import unpack
from ansible_collections.cryptobot.native.plugins.module_utils.state import StateRecord
from ansible_collections.cryptobot.native.plugins.module_utils.turn import take_turn

ROLE = {
    "name": {"type": "str", "required": True},
    "login": {"type": "bool", "default": True},
    "connection_limit": {"type": "int", "default": -1},
    "member_of": {"type": "list", "elements": "str", "default": []},
    "settings": {"type": "dict", "default": {}},
    "password": {"type": "bool", "default": False, "no_log": False},
}
DATABASE = {
    "name": {"type": "str", "required": True},
    "owner": {"type": "str", "required": True},
    "access": {"type": "dict", "default": {}},
    "locale": {"type": "str", "default": "C.UTF-8"},
    "extensions": {"type": "list", "elements": "str", "default": []},
    "pooler": {"type": "str"},
}
ARGUMENTS: dict[str, Any] = {
    "socket": {"type": "path", "default": "/run/postgresql"},
    "port": {"type": "int", "default": 5432},
    "roles": {"type": "list", "elements": "dict", "default": [], "options": ROLE},
    "databases": {"type": "list", "elements": "dict", "default": [], "options": DATABASE},
    "passwords": {"type": "str", "no_log": True},
}


def gather(module: AnsibleModule, server: Server, roles: list[objects.Role], databases: list[objects.Database]) -> objects.Found:
    """What is there; nothing, where check mode meets a host on which no server has been installed yet."""
    socket = f"{module.params['socket']}/.s.PGSQL.{module.params['port']}"
    if module.check_mode and not os.path.exists(socket):
        module.warn(f"No PostgreSQL server is at {socket} yet: every role and database is predicted as missing.")
        return objects.Found()
    return server.gather(roles, databases)


def main() -> None:
    """Gather, plan, and apply unless in check mode."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    take_turn(module, "postgresql_objects")
    roles = [objects.Role.from_options(options) for options in module.params["roles"]]
    databases = [objects.Database.from_options(options) for options in module.params["databases"]]
    passwords = unpack(module.params["passwords"])
    server = Server(module.params["socket"], module.params["port"], looks=module.check_mode)
    try:
        changes = objects.plan(roles, databases, passwords, gather(module, server, roles, databases))
        if not module.check_mode:
            # Before they are made: of a run that is killed in between the record knows.
            StateRecord().extend((change.kind, change.target, change.was, change.is_) for change in changes)
            for __ in server.apply(changes):
                pass
    except PostgresqlError as error:
        module.fail_json(msg=f"{error} What was made before stays, and the next run goes on from there.")
    module.exit_json(changed=bool(changes), changes=summaries(changes), plan=as_plan(objects.lasting(changes)), diff=as_diff(changes, "postgresql"))


if __name__ == "__main__":
    main()
