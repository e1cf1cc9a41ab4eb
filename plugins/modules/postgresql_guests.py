#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: postgresql_guests
short_description: Let native services into a PostgreSQL database of a container
version_added: 0.1.0
description:
  - A database that several migration groups share moves with one of them. Until then the native services of the others use it in its
    container, each by a role of its own with the password that the service has natively.
  - A role is a member of those that own what is in the database, for whoever used it in Docker came in as one of them. One that only
    reads is a member of C(pg_read_all_data). When it is there, the module comes in as each of them.
  - Such roles do not go along when the database moves. When they are removed their sessions end, and what they have made is its
    database's owner's.
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes
options:
  server:
    description: The container's server, named as in M(cryptobot.native.postgresql_fence).
    type: dict
    required: true
  database:
    description: What the database is called there.
    type: str
    required: true
  users:
    description: Roles, as the filter P(cryptobot.native.migration_guests#filter) gives them.
    type: list
    elements: dict
    required: true
    suboptions:
      role:
        description: The role.
        type: str
        required: true
      service:
        description: The service whose password it has.
        type: str
        required: true
      readonly:
        description: Whether the service only reads there.
        type: bool
        default: false
  passwords:
    description: Their passwords by role, as the filter P(cryptobot.native.guest_passwords#filter) gives them.
    type: str
    default: ''
  state:
    description: Whether the roles are there.
    type: str
    choices: [present, absent]
    default: present
"""

EXAMPLES = r"""
- name: Let the services into the container's database
  cryptobot.native.postgresql_guests:
    server: {container: {project: cryptobot, service: postgres}}
    database: shop
    users: "{{ guests.users }}"
    passwords: "{{ guests.users | cryptobot.native.guest_passwords(cryptobot_secrets) }}"
"""

RETURN = r"""
users:
  description: Roles that were made, changed or removed.
  returned: success
  type: list
  elements: str
  sample: [migration_guest_data]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.cryptobot.native.plugins.module_utils.changes import Change, as_diff
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql import guests
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.endpoint import Endpoint, EndpointError
from ansible_collections.cryptobot.native.plugins.module_utils.secret_values import unpack

USER: dict[str, Any] = {
    "role": {"type": "str", "required": True},
    "service": {"type": "str", "required": True},
    "readonly": {"type": "bool", "default": False},
}
ARGUMENTS: dict[str, Any] = {
    "server": {"type": "dict", "required": True},
    "database": {"type": "str", "required": True},
    "users": {"type": "list", "elements": "dict", "options": USER, "required": True},
    "passwords": {"type": "str", "default": "", "no_log": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}


def work(options: dict[str, Any], check: bool) -> dict[str, Any]:
    """Makes what is missing, or removes what is there."""
    endpoint, database = Endpoint.from_options(options["server"]), options["database"]
    if options["state"] == "absent":
        wanted = [guests.Guest(each["role"]) for each in options["users"]]
        gone = (guests.there if check else guests.let_go)(endpoint, database, wanted)
        return result([Change("postgresql", f"guest {name}", "let in", None) for name in gone])
    wanted = guests.known(options["users"], unpack(options["passwords"]))
    if not check:
        return result(guests.let_in(endpoint, database, wanted))
    return result([change for __, change, __ in guests.differing(endpoint, database, wanted)])


def result(changes: list[Change]) -> dict[str, Any]:
    names = [change.target.rpartition(" ")[2] for change in changes]
    return {"changed": bool(changes), "diff": as_diff(changes, "postgresql"), "users": names}


def main() -> None:
    """Let in, or let go."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        found = work(module.params, module.check_mode)
    except (EndpointError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**found)


if __name__ == "__main__":
    main()
