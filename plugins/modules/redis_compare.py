#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: redis_compare
short_description: Compare the data of two Redis servers by content
version_added: 0.1.0
description:
  - Reads every key of both servers in one pass, and names each one that differs, with its type and what differs in it.
  - The order of sets and hashes plays no part, nor does the age of the servers. Keys that expire meanwhile are no difference.
  - Fails when something differs, unless O(fail=false).
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes.info
  - cryptobot.native.journal
  - cryptobot.native.stores
  - cryptobot.native.stores.redis
  - cryptobot.native.stores.comparison
options:
  ttl_tolerance_ms:
    description: By how much moments of expiry may differ, in milliseconds.
    type: int
    default: 1000
"""

EXAMPLES = r"""
- name: Compare what was copied
  cryptobot.native.redis_compare:
    run: 20300101T120000
    datastore: redis
    source: {container: {project: cryptobot, service: redis}}
    target: {local: {}}
    indices: "{{ copied.indices }}"
"""

RETURN = r"""
equal:
  description: Whether nothing differs.
  returned: always
  type: bool
  sample: true
differences:
  description: What differs, each with C(datastore), C(kind), C(object), C(key), C(columns), C(source), C(target) and C(text).
  returned: always
  type: list
  elements: dict
  sample: []
unnamed:
  description: How many more differ, at least.
  returned: always
  type: int
  sample: 0
indices:
  description: By numbered database, keys and digests of both sides.
  returned: always
  type: dict
  sample: {"0": {"target": 0, "keys": 9, "target_keys": 9, "digest": "ae3b", "target_digest": "ae3b", "seconds": 0.1}}
notes:
  description: What differs by intent, as settings.
  returned: always
  type: list
  elements: str
  sample: []
keys_per_second:
  description: How fast the pass over all keys was.
  returned: always
  type: int
  sample: 190000
seconds:
  description: How long it took.
  returned: always
  type: float
  sample: 3.1
evidence:
  description: Where the result is kept, below the directory of the journal.
  returned: always
  type: str
  sample: evidence/20300101T120000/verify_redis_redis.json
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptobot.native.plugins.module_utils.docker.engine import DockerError
from ansible_collections.cryptobot.native.plugins.module_utils.migration.compared import failure
from ansible_collections.cryptobot.native.plugins.module_utils.migration.journal import Journal
from ansible_collections.cryptobot.native.plugins.module_utils.redis.client import RedisError
from ansible_collections.cryptobot.native.plugins.module_utils.redis.compare import Comparison, Wish
from ansible_collections.cryptobot.native.plugins.module_utils.redis.endpoint import Endpoint

ARGUMENTS: dict[str, Any] = {
    "run": {"type": "str", "required": True},
    "datastore": {"type": "str", "required": True},
    "directory": {"type": "path", "default": "/var/lib/cryptobot-migration"},
    "source": {"type": "dict", "required": True},
    "target": {"type": "dict", "required": True},
    "indices": {"type": "dict", "default": {}},
    "ttl_tolerance_ms": {"type": "int", "default": 1000},
    "show_values": {"type": "bool", "default": False},
    "most": {"type": "int", "default": 1000},
    "fail": {"type": "bool", "default": True},
}


def work(options: dict[str, Any], keep: bool) -> dict[str, Any]:
    """Compares, as a step of the run whose evidence is kept."""
    indices = {int(index): int(into) for index, into in options["indices"].items()}
    wish = Wish(options["datastore"], indices, options["ttl_tolerance_ms"], options["show_values"], options["most"])
    sides = [Endpoint.from_options(options[side]) for side in ("source", "target")]
    if not keep:
        return {"changed": False, **Comparison(*sides, wish).run(), "evidence": ""}
    journal, name = Journal(options["directory"]), f"verify:redis:{options['datastore']}"
    with journal.step(options["run"], name, {"indices": options["indices"]}) as step:
        found = Comparison(*sides, wish).run()
        kept = journal.keep(options["run"], name, found)
        step.evidence = {
            "equal": found["equal"],
            "differences": len(found["differences"]) + found["unnamed"],
            "keys": sum(each["keys"] for each in found["indices"].values()),
            "digests": {index: each["digest"] for index, each in found["indices"].items()},
            "seconds": found["seconds"],
            "file": kept,
        }
    return {"changed": False, **found, "evidence": kept}


def main() -> None:
    """Compare; differences are a failure unless told otherwise."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        result = work(module.params, keep=not module.check_mode)
    except (RedisError, DockerError, OSError) as error:
        module.fail_json(msg=f"{str(error).rstrip('.')}.")
    if module.params["fail"] and (message := failure(module.params["datastore"], result)):
        module.fail_json(msg=message, **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
