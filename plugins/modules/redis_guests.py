#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: redis_guests
short_description: Let native services into the Redis of a container
version_added: 0.1.0
description:
  - A Redis that several migration groups share moves with one of them. Until then the native services of the others use it in its
    container, each as a user of its own, with the rights and the password that it has natively.
  - The users are kept in O(directory) with digests of their passwords. A container that forgets them as it starts again is told
    them anew by the router's watcher.
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes
options:
  datastore:
    description: Name of the datastore in the catalogue.
    type: str
    required: true
  server:
    description: The container's server, named as in M(cryptobot.native.redis_transfer).
    type: dict
    required: true
  users:
    description: Users, as the filter P(cryptobot.native.migration_guests#filter) gives them.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The service.
        type: str
        required: true
      rules:
        description: Rules of its rights.
        type: list
        elements: str
        default: []
  passwords:
    description: Their passwords, as the filter P(cryptobot.native.redis_passwords#filter) gives them.
    type: str
    default: ''
  state:
    description: Whether the users are there.
    type: str
    choices: [present, absent]
    default: present
  directory:
    description: Where the router's state is.
    type: path
    default: /var/lib/cryptobot-router
"""

EXAMPLES = r"""
- name: Let the services into the container's Redis
  cryptobot.native.redis_guests:
    datastore: redis
    server: {container: {project: cryptobot, service: redis}}
    users: "{{ guests.users }}"
    passwords: "{{ guests | cryptobot.native.redis_passwords(cryptobot_secrets) }}"
"""

RETURN = r"""
users:
  description: Those that were made, changed or removed.
  returned: success
  type: list
  elements: str
  sample: [data]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.cryptobot.native.plugins.module_utils.changes import Change, as_diff
from ansible_collections.cryptobot.native.plugins.module_utils.docker.engine import DockerError
from ansible_collections.cryptobot.native.plugins.module_utils.redis.access import User
from ansible_collections.cryptobot.native.plugins.module_utils.redis.client import RedisError
from ansible_collections.cryptobot.native.plugins.module_utils.redis.guests import Guests
from ansible_collections.cryptobot.native.plugins.module_utils.secret_values import unpack

USER: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "rules": {"type": "list", "elements": "str", "default": []},
}
ARGUMENTS: dict[str, Any] = {
    "datastore": {"type": "str", "required": True},
    "server": {"type": "dict", "required": True},
    "users": {"type": "list", "elements": "dict", "options": USER, "required": True},
    "passwords": {"type": "str", "default": "", "no_log": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "directory": {"type": "path", "default": "/var/lib/cryptobot-router"},
}


def work(options: dict[str, Any], check: bool) -> dict[str, Any]:
    """Makes what is missing, or removes what is there."""
    guests, datastore = Guests(options["directory"]), options["datastore"]
    names = sorted(user["name"] for user in options["users"])
    if options["state"] == "absent":
        there = guests.lines(datastore)
        gone = [name for name in names if name in there] if check else guests.let_go(datastore, names)
        return result([Change("redis", f"guest {name} of {datastore}", "let in", None) for name in gone], gone)
    known = unpack(options["passwords"])
    if missing := [name for name in names if not known.get(name)]:
        raise RedisError(
            f"There is no password for {', '.join(missing)} (redis_password in cryptobot_secrets). Make it: ansible-playbook "
            "cryptobot.native.secrets"
        )
    lines = {user["name"]: User(user["name"], tuple(user["rules"]), tuple(known[user["name"]])).line for user in options["users"]}
    differing = guests.differing(datastore, options["server"], lines)
    if differing and not check:
        guests.let_in(datastore, options["server"], {name: lines[name] for name in differing})
    kept = guests.lines(datastore) if check else {}
    changes = [Change("redis", f"guest {name} of {datastore}", "other" if name in kept else None, "let in") for name in differing]
    return result(changes, differing)


def result(changes: list[Change], names: list[str]) -> dict[str, Any]:
    return {"changed": bool(changes), "diff": as_diff(changes, "redis"), "users": names}


def main() -> None:
    """Let in, or let go."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        found = work(module.params, module.check_mode)
    except (RedisError, DockerError, ValueError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**found)


if __name__ == "__main__":
    main()
