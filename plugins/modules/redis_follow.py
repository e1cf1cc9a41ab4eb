#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: redis_follow
short_description: Keep a Redis current as the replica of another one, before a cutover
version_added: 0.1.0
description:
  - Takes the rights to write from every user of the target and makes it a replica of the source, whose content replaces
    what the target holds. The source stays open.
  - Both get the key C(migration:fence) and users of the collection's own. Rights that were taken are kept in
    O(directory) and come back when a window (M(cryptobot.native.cutover)) opens the target.
  - A pair that follows already is left as it is. After a restart of either server the call puts right what that has undone.
  - Both need the same version of Redis, 6.0 or newer, for each follows the other in turn.
  - O(state=absent) ends it while Docker writes. The native copy is emptied, its users get their rights back, and keys and
    users of the collection's own are removed from both servers.
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes
options:
  datastore:
    description: Name of the datastore in the catalogue.
    type: str
    required: true
  side:
    description: The side of O(source). It must be the one that writes, by the record in O(sides).
    type: str
    choices: [docker, native]
    default: docker
  source:
    description: The server that is followed, named as in M(cryptobot.native.redis_transfer).
    type: dict
    required: true
  target:
    description: The server that follows.
    type: dict
    required: true
  reached:
    description: C(host) and C(port) at which the target's server reaches the source, where they differ.
    type: dict
    default: {}
  state:
    description: Whether the target follows.
    type: str
    choices: [following, absent]
    default: following
  replace:
    description: Whether keys that the target holds from elsewhere are superseded. Without it they are a reason to refuse.
    type: bool
    default: false
  seconds:
    description: How long the content may take to arrive.
    type: float
    default: 1800.0
  directory:
    description: Where the router's state is; rights and passwords are kept there, for root alone.
    type: path
    default: /var/lib/cryptobot-router
  sides:
    description: Where the record of sides is.
    type: path
    default: /var/lib/cryptobot-migration
"""

EXAMPLES = r"""
- name: Let the native Redis follow the container's
  cryptobot.native.redis_follow:
    datastore: cache
    source: {container: {project: cryptobot, service: redis}}
    target: {local: {}}
"""

RETURN = r"""
following:
  description: Whether the target follows, and has the whole content.
  returned: success
  type: bool
lag_bytes:
  description: By how much it is behind.
  returned: success
  type: int
  sample: 0
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.cryptobot.native.plugins.module_utils.docker.engine import DockerError
from ansible_collections.cryptobot.native.plugins.module_utils.launcher.sides import SidesError
from ansible_collections.cryptobot.native.plugins.module_utils.migration.lock import Lock, LockHeld
from ansible_collections.cryptobot.native.plugins.module_utils.redis.client import RedisError
from ansible_collections.cryptobot.native.plugins.module_utils.redis.following import Following

ARGUMENTS: dict[str, Any] = {
    "datastore": {"type": "str", "required": True},
    "side": {"type": "str", "choices": ["docker", "native"], "default": "docker"},
    "source": {"type": "dict", "required": True},
    "target": {"type": "dict", "required": True},
    "reached": {"type": "dict", "default": {}},
    "state": {"type": "str", "choices": ["following", "absent"], "default": "following"},
    "replace": {"type": "bool", "default": False},
    "seconds": {"type": "float", "default": 1800.0},
    "directory": {"type": "path", "default": "/var/lib/cryptobot-router"},
    "sides": {"type": "path", "default": "/var/lib/cryptobot-migration"},
}


def work(options: dict[str, Any], check: bool) -> dict[str, Any]:
    """Follows where that is not so yet, or ends it; in check mode it only looks."""
    follow, name = Following(options), options["datastore"]
    if options["state"] == "absent":
        return ended(follow, options, check)
    before = after = follow.state()
    if not before.following:
        if refusals := follow.refusals():
            raise RedisError(" ".join(refusals))
        if not check:
            with Lock(options["sides"]).held(f"redis_follow {name}"):
                follow.begin()
            after = follow.state()
    return result(name, before.following, True if check else after.following, not before.following, after.lag)


def ended(follow: Following, options: dict[str, Any], check: bool) -> dict[str, Any]:
    """Nobody follows, and nothing of ours is left."""
    there, name = follow.left(), options["datastore"]
    if there:
        if refusals := follow.refusals_to_end():
            raise RedisError(" ".join(refusals))
        if not check:
            with Lock(options["sides"]).held(f"redis_follow absent {name}"):
                follow.end()
    return result(name, there, False, there)


def result(name: str, before: bool, after: bool, changed: bool, lag: int = 0) -> dict[str, Any]:
    words = [f"{name}: {'following' if each else 'not following'}\n" for each in (before, after)]
    return {
        "changed": changed,
        "following": after,
        "lag_bytes": lag,
        "diff": {"before": words[0], "after": words[1]},
    }


def main() -> None:
    """Follow."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        result = work(module.params, module.check_mode)
    except (RedisError, DockerError, SidesError, LockHeld, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
