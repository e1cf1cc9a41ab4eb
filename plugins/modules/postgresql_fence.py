#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: postgresql_fence
short_description: Refuse every write to a PostgreSQL database, whoever asks, until it is opened again
version_added: 0.1.0
description:
  - Puts a fence into live databases, closes and opens it, and takes it out. A closed database refuses INSERT, UPDATE,
    DELETE, TRUNCATE, COPY and DDL by owners and superusers too, with SQLSTATE 25006, and drops no connection. Reads go
    on.
  - Installing and removing take one table a transaction and wait 100 ms at most for its lock, again and again.
  - Closing takes no lock. It is on disk before anything else happens, then waits for transactions that began before it,
    then checks that every table has its enabled trigger. Where one of that fails, the databases are opened again at the
    next epoch.
  - Every change of state is a compare-and-set that names the O(epoch).
  - Not covered are C(nextval), large objects written by a superuser, roles and databases themselves. Foreign tables are
    refused.
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes
options:
  server:
    description:
      - The server, as a superuser. C(container) with C(project) and C(service) of a Compose project, or C(local) for
        this host's server by peer authentication, or C(host), C(port), C(user), C(password_file), C(sslmode).
    type: dict
    required: true
  databases:
    description: Names of the databases.
    type: list
    elements: str
    required: true
  state:
    description:
      - V(installed) puts the fence in, or makes it whole; one that is there keeps its state. V(removed) takes it out of
        open databases.
      - V(closed) refuses writes, V(handed_over) marks a closed source as one that only goes forward, V(open) lets
        writes through.
    type: str
    choices: [installed, closed, handed_over, open, removed]
    default: installed
  epoch:
    description: The window's epoch. Needed for V(closed), V(handed_over) and V(open).
    type: int
  seen:
    description: The epoch at which an open database must be so that it is closed. Without it, any below O(epoch).
    type: int
  decision:
    description:
      - What O(state=open) means. V(abort) opens a source again at the epoch after O(epoch), so that nobody closes it
        late; V(finish) opens a target at O(epoch) itself.
    type: str
    choices: [abort, finish]
    default: abort
  window:
    description: Id of the window. It is kept beside the state and is the C(application_name) of the sessions.
    type: str
    default: ''
  direction:
    description: The side that the window leads to.
    type: str
    choices: ['', docker, native]
    default: ''
  born:
    description: The state of a new fence. A target is born V(closed), before any application may connect.
    type: str
    choices: [open, closed]
    default: open
  grace:
    description: Seconds that transactions which began before the closing have to end.
    type: float
    default: 3.0
  end:
    description: Whether sessions with transactions that have not ended by then are ended. Else the closing is given up.
    type: bool
    default: false
  patience:
    description: Seconds within which the locks of all tables must have been had. Then who holds one is named.
    type: float
    default: 120.0
  directory:
    description: Where the lock of this host's migration is.
    type: path
    default: /var/lib/cryptobot-migration
"""

EXAMPLES = r"""
- name: Put the fence in
  cryptobot.native.postgresql_fence:
    server: {container: {project: cryptobot, service: postgres}}
    databases: [auth_db, trade_db]

- name: Refuse writes
  cryptobot.native.postgresql_fence:
    server: {container: {project: cryptobot, service: postgres}}
    databases: [auth_db]
    state: closed
    epoch: 7

- name: Let them through again
  cryptobot.native.postgresql_fence:
    server: {container: {project: cryptobot, service: postgres}}
    databases: [auth_db]
    state: open
    epoch: 7
"""

RETURN = r"""
databases:
  description: By database, its state afterwards (in check mode, what it would be).
  returned: success
  type: dict
  sample:
    auth_db:
      state: closed
      epoch: 7
      window: 20300101T120000
      direction: native
      tables: 31
      fenced: 31
      waited: 0.004
      ended: []
steps:
  description: By database, what was done (in check mode, what would be).
  returned: success
  type: dict
  sample: {"auth_db": ["open at epoch 6 to closed at epoch 7"]}
"""

import json
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.cryptobot.native.plugins.module_utils.migration.lock import Lock, LockHeld
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.endpoint import Endpoint, EndpointError
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.fence import call
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.fence.errors import FenceError, sentences
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.fence.row import Window

ARGUMENTS: dict[str, Any] = {
    "server": {"type": "dict", "required": True},
    "databases": {"type": "list", "elements": "str", "required": True},
    "state": {
        "type": "str",
        "choices": ["installed", "closed", "handed_over", "open", "removed"],
        "default": "installed",
    },
    "epoch": {"type": "int"},
    "seen": {"type": "int"},
    "decision": {"type": "str", "choices": ["abort", "finish"], "default": "abort"},
    "window": {"type": "str", "default": ""},
    "direction": {"type": "str", "choices": ["", "docker", "native"], "default": ""},
    "born": {"type": "str", "choices": ["open", "closed"], "default": "open"},
    "grace": {"type": "float", "default": 3.0},
    "end": {"type": "bool", "default": False},
    "patience": {"type": "float", "default": 120.0},
    "directory": {"type": "path", "default": "/var/lib/cryptobot-migration"},
}
NAMED = ("state", "epoch", "seen", "born", "decision", "grace", "end", "patience")


def work(options: dict[str, Any], check: bool) -> dict[str, Any]:
    """Plans, and unless in check mode does it, alone on this host."""
    endpoint = Endpoint.from_options(options["server"])
    wish = call.Wish(**{name: options[name] for name in NAMED}, window=Window(options["window"], options["direction"]))
    changes = call.plan(endpoint, options["databases"], wish)
    after = {each.database: each.predicted() for each in changes}
    before = {each.database: each.before() for each in changes}
    if not check and any(each.changed for each in changes):
        command = f"postgresql_fence {wish.state} {', '.join(options['databases'])}"
        with Lock(options["directory"]).held(command), sentences(endpoint.title):
            call.apply(endpoint, changes, wish)
        after = {each.database: each.before() for each in call.plan(endpoint, options["databases"], wish)}
    diff = {"before": shown(before), "after": shown(after)}
    for each in changes:
        if each.waited:
            after[each.database] |= {"waited": each.waited.seconds, "ended": list(each.waited.ended)}
    return {
        "changed": any(each.changed for each in changes),
        "databases": after,
        "steps": {each.database: each.steps for each in changes},
        "diff": diff,
    }


def shown(databases: dict[str, Any]) -> str:
    """For the diff."""
    return json.dumps(databases, indent=1, sort_keys=True) + "\n"


def main() -> None:
    """Move the fence."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        result = work(module.params, module.check_mode)
    except (EndpointError, FenceError, LockHeld, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
