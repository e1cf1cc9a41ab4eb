#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: cutover
short_description: Let migration groups change sides, requests and PostgreSQL databases at once
version_added: 0.1.0
description:
  - One window, on the host of the router. New writes wait at the doors, what is under way ends, the databases are
    closed, the other side has everything that was committed and is opened, the router leads there, and the requests go
    on. Then the databases follow the other way round. Going back is the same call with the other O(to).
  - Needs databases that follow (M(cryptobot.native.postgresql_follow)), ports that are adopted, and the guardian
    C(cryptobot-cutover-guardian.service), which finishes or gives up a window whose controller is gone.
  - An error on the way is not undone by this module but by the guardian, by one rule for all databases. The module then
    fails and says which side writes.
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes
attributes:
  check_mode:
    description: Looks whether the window could begin, and fails where it could not.
    support: full
  diff_mode:
    description: Returns the side of each group before and after.
    support: full
  idempotent:
    description: Groups and databases that are on that side already change nothing.
    support: full
options:
  to:
    description: The side that serves and writes afterwards.
    type: str
    choices: [docker, native]
    required: true
  groups:
    description: Migration groups whose requests change sides.
    type: list
    elements: str
    required: true
  held:
    description: Groups whose writes wait, for they use the same databases. O(groups) by default, which are always held.
    type: list
    elements: str
    default: []
  doors:
    description: Doors of the router, as the filter P(cryptobot.native.edge_doors#filter) gives them.
    type: list
    elements: dict
    required: true
  servers:
    description: The server of each side, C(docker) and C(native), named as in M(cryptobot.native.postgresql_fence).
    type: dict
    required: true
  reached:
    description: By side, C(host), C(port) and C(sslmode) for the other side's server, where they differ.
    type: dict
    default: {}
  databases:
    description: All databases that move in this window.
    type: list
    elements: dict
    required: true
    suboptions:
      datastore:
        description: Its name in the catalogue.
        type: str
        required: true
      docker:
        description: Its name on the Docker side's server.
        type: str
        required: true
      native:
        description: Its name on the native server.
        type: str
        required: true
  caches:
    description: All Redis instances that move in this window. With one every request waits, reads too.
    type: list
    elements: dict
    default: []
    suboptions:
      datastore:
        description: Its name in the catalogue.
        type: str
        required: true
      docker:
        description: The Docker side's server, named as in M(cryptobot.native.redis_transfer).
        type: dict
        required: true
      native:
        description: The native server.
        type: dict
        required: true
      reached:
        description: By side, C(host) and C(port) for the other side's server, where they differ.
        type: dict
        default: {}
      rights:
        description: By user, the rules of commands that it gets on the native server. Others get what they had.
        type: dict
        default: {}
  trees:
    description:
      - All directories and SQLite files that move in this window. What was copied beside the target before is brought up to date in it,
        and takes its place after the hand-over. Up to 64 MB and 3000 files each are compared by content in it, more by sizes and times.
        Every request waits.
    type: list
    elements: dict
    default: []
    suboptions:
      datastore:
        description: Its name in the catalogue.
        type: str
        required: true
      docker:
        description: Its place on the Docker side, named as in M(cryptobot.native.files_transfer).
        type: dict
        required: true
      native:
        description: Its native place.
        type: dict
        required: true
      ownership:
        description: Whose files are whose, as in M(cryptobot.native.files_transfer).
        type: dict
        default: {}
      file:
        description: Name of the SQLite database on the native side; empty for a directory.
        type: str
        default: ''
      accept:
        description: Decisions that have been made, as C(code) or C(code:object) of the findings.
        type: list
        elements: str
        default: []
  containers:
    description:
      - Compose services whose processes run on one side alone. They stop in the window, or start in it, and every request waits meanwhile.
        Their restart policy must be C(no).
    type: list
    elements: str
    default: []
  units:
    description:
      - Units that run on one side alone, instead of O(containers), in both slots. Of each process those of the slot start that is live on
        this host, and all stop in a window towards C(docker).
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The unit.
        type: str
        required: true
      process:
        description: Its service and process, as C(auth-web).
        type: str
        required: true
      slot:
        description: Its slot.
        type: str
        choices: [a, b]
        required: true
  borrowers:
    description:
      - Units of other groups that run natively before and after, and find a datastore that moves in its other place. Those that run are
        restarted in the window; every request to their groups (O(held)) waits meanwhile, and then in the unit's socket.
    type: list
    elements: str
    default: []
  outlets:
    description:
      - Migration groups of which one side alone may connect to some networks, as M(cryptobot.native.router_outlets) has it. Both sides are
        refused from the closing to the hand-over, then the side that was left.
    type: list
    elements: str
    default: []
  every_method:
    description: Whether reads wait, too. Otherwise writes and upgrades to WebSockets do.
    type: bool
    default: false
  drain:
    description: Seconds that requests under way have to end.
    type: float
    default: 5.0
  grace:
    description: Seconds that transactions have to end which began before their database was closed.
    type: float
    default: 3.0
  end:
    description: Whether sessions with transactions that have not ended by then are ended. Else the window is given up.
    type: bool
    default: false
  patience:
    description: Seconds that requests may wait for processes to start. The router must let them wait for longer.
    type: float
    default: 29.0
  project:
    description: The Compose project whose ports must be adopted. Empty, nothing of that is looked at.
    type: str
    default: ''
  directory:
    description: Where the router's state is.
    type: path
    default: /var/lib/cryptobot-router
  sides:
    description: Where the record of sides is. Empty, none is kept.
    type: str
    default: /var/lib/cryptobot-migration
  socket:
    description: Where the guardian listens.
    type: path
    default: /run/cryptobot-cutover/guardian.sock
  master:
    description: Socket of the router's master.
    type: path
    default: /run/cryptobot-edge/master.sock
"""

EXAMPLES = r"""
- name: Lead the group to the native side
  cryptobot.native.cutover:
    to: native
    groups: [supporting]
    doors: "{{ cryptobot_resolved | cryptobot.native.edge_doors(inventory_hostname, cryptobot_sides) }}"
    project: cryptobot
    servers:
      docker: {container: {project: cryptobot, service: postgres}}
      native: {local: {}}
    reached:
      native: {host: 172.18.0.1, port: 5432}
    databases:
      - {datastore: auth, docker: auth_db, native: auth}
"""

RETURN = r"""
window:
  description: Its id, and the epoch that closed the one side and opened the other.
  returned: when it was run
  type: str
  sample: 2030-01-01T120000-5b1f09ac
epoch:
  description: The epoch of the window.
  returned: success
  type: int
  sample: 3
steps:
  description: Of each step when it began, counted from the first one, and how long it took; in seconds.
  returned: when it was run
  type: dict
  sample: {"hold:public": {"at": 0.113, "seconds": 0.009}, "release": {"at": 0.171, "seconds": 0.008}}
write_window:
  description: Seconds from the moment when nothing was under way any more until the release.
  returned: when it was run
  type: float
  sample: 0.061
held:
  description: Seconds from the first hold until the release.
  returned: when it was run
  type: float
  sample: 0.097
unhealthy:
  description: Sentences about processes that run on one side alone, and did not run yet when requests went on.
  returned: when it was run
  type: list
  elements: str
  sample: []
websockets_cut:
  description: How many open WebSockets were ended; their clients come again.
  returned: when it was run
  type: int
  sample: 2
"""

from functools import partial
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptobot.native.plugins.module_utils.changes import Change, as_diff
from ansible_collections.cryptobot.native.plugins.module_utils.cutover.call import Call
from ansible_collections.cryptobot.native.plugins.module_utils.cutover.errors import CutoverError
from ansible_collections.cryptobot.native.plugins.module_utils.docker.engine import DockerError
from ansible_collections.cryptobot.native.plugins.module_utils.files.place import FilesError
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.endpoint import EndpointError
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.fence.errors import FenceError, sentences
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.follow.errors import FollowError
from ansible_collections.cryptobot.native.plugins.module_utils.redis.client import RedisError
from ansible_collections.cryptobot.native.plugins.module_utils.router.maps import RouterError
from ansible_collections.cryptobot.native.plugins.module_utils.sqlite.database import SqliteError
from ansible_collections.cryptobot.native.plugins.module_utils.units.systemd import SystemdError

SIDES = ["docker", "native"]
DATABASE = {name: {"type": "str", "required": True} for name in ("datastore", *SIDES)}
CACHE = {
    "datastore": {"type": "str", "required": True},
    "docker": {"type": "dict", "required": True},
    "native": {"type": "dict", "required": True},
    "reached": {"type": "dict", "default": {}},
    "rights": {"type": "dict", "default": {}},
}
TREE = {
    "datastore": {"type": "str", "required": True},
    "docker": {"type": "dict", "required": True},
    "native": {"type": "dict", "required": True},
    "ownership": {"type": "dict", "default": {}},
    "file": {"type": "str", "default": ""},
    "accept": {"type": "list", "elements": "str", "default": []},
}
UNIT = {
    "name": {"type": "str", "required": True},
    "process": {"type": "str", "required": True},
    "slot": {"type": "str", "required": True, "choices": ["a", "b"]},
}
NAMES = {"type": "list", "elements": "str", "default": []}
ARGUMENTS: dict[str, Any] = {
    "to": {"type": "str", "required": True, "choices": SIDES},
    "groups": {"type": "list", "elements": "str", "required": True},
    "held": {"type": "list", "elements": "str", "default": []},
    "doors": {"type": "list", "elements": "dict", "required": True},
    "servers": {"type": "dict", "required": True},
    "reached": {"type": "dict", "default": {}},
    "databases": {"type": "list", "elements": "dict", "required": True, "options": DATABASE},
    "caches": {"type": "list", "elements": "dict", "default": [], "options": CACHE},
    "trees": {"type": "list", "elements": "dict", "default": [], "options": TREE},
    "containers": NAMES,
    "units": {"type": "list", "elements": "dict", "default": [], "options": UNIT},
    "borrowers": NAMES,
    "outlets": NAMES,
    "every_method": {"type": "bool", "default": False},
    "drain": {"type": "float", "default": 5.0},
    "grace": {"type": "float", "default": 3.0},
    "end": {"type": "bool", "default": False},
    "patience": {"type": "float", "default": 29.0},
    "project": {"type": "str", "default": ""},
    "directory": {"type": "path", "default": "/var/lib/cryptobot-router"},
    "sides": {"type": "str", "default": "/var/lib/cryptobot-migration"},
    "socket": {"type": "path", "default": "/run/cryptobot-cutover/guardian.sock"},
    "master": {"type": "path", "default": "/run/cryptobot-edge/master.sock"},
}
FAILURES = (
    CutoverError,
    RouterError,
    EndpointError,
    FenceError,
    FilesError,
    FollowError,
    DockerError,
    RedisError,
    SqliteError,
    SystemdError,
    OSError,
)


def work(options: dict[str, Any], check: bool) -> dict[str, Any]:
    """Looks which side writes; in check mode whether the window could begin, else the window."""
    call = Call(options)
    was = call.sides()
    changes = [Change("side", name, side, options["to"]) for name, side in was.items() if side != options["to"]]
    result: dict[str, Any] = {"changed": bool(changes), "diff": as_diff(changes, "sides")}
    if not changes:
        return {**result, "epoch": call.epoch()}
    cutover = call.cutover()
    if check:
        cutover.guard()
        return {**result, "epoch": cutover.intent.epoch}
    return {**result, **cutover.run()}


def main() -> None:
    """Look, and run the window."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    fail = partial(module.fail_json, changed=False)
    try:
        with sentences("A server of the window"):
            result = work(module.params, module.check_mode)
    except FAILURES as error:
        fail(msg=str(error))
    for said in result.get("unhealthy") or ():
        module.warn(f"The {module.params['to']} side serves and writes, but: {said}")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
