#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: redis_transfer
short_description: Bring the data of one Redis into another, whole or not at all
version_added: 0.1.0
description:
  - Carries keys of every type with their expiry, streams with groups and pending entries, and functions. Users and settings are not data
    and stay the target's own.
  - A target of the same age or newer follows the source until it has everything. Else keys are copied, type by type where the source is
    newer, into spare numbered databases that O(state=active) exchanges with the real ones.
  - Every step is in the journal. A call that was cut off goes on where it was.
  - In check mode it only returns what it would do and what stands against it.
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes
  - cryptobot.native.journal
  - cryptobot.native.stores
  - cryptobot.native.stores.redis
options:
  way:
    description: V(replica) by following, V(restore) by serialised values, V(typewise) by commands. V(auto) takes the first that is safe.
    type: str
    choices: [auto, replica, restore, typewise]
    default: auto
  replace:
    description: What the target holds is superseded, as on the way back. It stays until the new content is activated.
    type: bool
    default: false
  state:
    description: V(copied) is whole on the target, V(active) is what it serves, V(absent) removes a copy that was not activated.
    type: str
    choices: [copied, active, absent]
    default: copied
"""

EXAMPLES = r"""
- name: Copy the data of the containers' Redis
  cryptobot.native.redis_transfer:
    run: 20300101T120000
    datastore: redis
    source: {container: {project: cryptobot, service: redis}}
    target: {local: {}}
  register: copied

- name: Put it into place when it has been compared
  cryptobot.native.redis_transfer:
    run: 20300101T120000
    datastore: redis
    source: {container: {project: cryptobot, service: redis}}
    target: {local: {}}
    state: active
"""

RETURN = r"""
way:
  description: How the data is carried.
  returned: when copied, and in check mode
  type: str
  sample: replica
reasons:
  description: Why so.
  returned: when copied, and in check mode
  type: list
  elements: str
  sample: ["the target (Redis 7.0.15) is of the same age as the source (Redis 7.0.15) or newer"]
findings:
  description: What stands against it or must be known, each with C(severity), C(code), C(object), C(text) and C(remedy).
  returned: in check mode
  type: list
  elements: dict
  sample: []
indices:
  description: Where the databases of the source are on the target; give it to M(cryptobot.native.redis_compare).
  returned: when copied or active, and in check mode
  type: dict
  sample: {"0": 0}
keys:
  description: Keys by numbered database, or in check mode their number.
  returned: when copied, and in check mode
  type: raw
  sample: {"0": 500027}
bytes:
  description: Memory that the source uses.
  returned: in check mode
  type: int
  sample: 94409488
seconds:
  description: How long it took.
  returned: when copied
  type: float
  sample: 3.5
persistence:
  description: What a restart of the target loads.
  returned: when active
  type: str
  sample: append-only file
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptobot.native.plugins.module_utils.docker.engine import DockerError
from ansible_collections.cryptobot.native.plugins.module_utils.migration.journal import Journal
from ansible_collections.cryptobot.native.plugins.module_utils.migration.lock import Lock, LockHeld
from ansible_collections.cryptobot.native.plugins.module_utils.redis.client import RedisError
from ansible_collections.cryptobot.native.plugins.module_utils.redis.endpoint import Endpoint
from ansible_collections.cryptobot.native.plugins.module_utils.redis.facts import gather
from ansible_collections.cryptobot.native.plugins.module_utils.redis.strategy import Wish, foreseen
from ansible_collections.cryptobot.native.plugins.module_utils.redis.transfer import Task, Transfer

ARGUMENTS: dict[str, Any] = {
    "run": {"type": "str", "required": True},
    "datastore": {"type": "str", "required": True},
    "directory": {"type": "path", "default": "/var/lib/cryptobot-migration"},
    "source": {"type": "dict", "required": True},
    "target": {"type": "dict", "required": True},
    "indices": {"type": "dict", "default": {}},
    "way": {"type": "str", "choices": ["auto", "replica", "restore", "typewise"], "default": "auto"},
    "replace": {"type": "bool", "default": False},
    "state": {"type": "str", "choices": ["copied", "active", "absent"], "default": "copied"},
}


def work(options: dict[str, Any], check: bool) -> dict[str, Any]:
    """Does what the state asks for; in check mode says what that is."""
    indices = {int(index): int(into) for index, into in options["indices"].items()}
    if check and options["state"] == "copied" and not Endpoint.there(options["target"]):
        facts = gather(Endpoint.from_options(options["source"]))
        return {"changed": True, **foreseen(facts, Wish(indices, options["way"])).as_dict()}
    source, target = Endpoint.from_options(options["source"]), Endpoint.from_options(options["target"])
    task = Task(options["run"], options["datastore"], source, target, indices, options["way"], options["replace"])
    transfer = Transfer(task, Journal(options["directory"]))
    if options["state"] == "absent" and check:
        return {"changed": transfer.absent(check=True)}
    if check:
        return {"changed": True, **transfer.plan().as_dict()}
    with Lock(options["directory"]).held(f"redis_transfer {options['state']} {options['datastore']}"):
        if options["state"] == "absent":
            return {"changed": transfer.absent()}
        changed, found = transfer.copied() if options["state"] == "copied" else transfer.active()
    return {"changed": changed, **found}


def main() -> None:
    """Transfer, or in check mode plan."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        result = work(module.params, module.check_mode)
    except (RedisError, DockerError, LockHeld, OSError) as error:
        module.fail_json(msg=f"{str(error).rstrip('.')}.")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
