#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: postgresql_follow
short_description: Keep PostgreSQL databases on another server current by logical replication
version_added: 0.1.0
description:
  - Copies databases while they are written to, on the snapshot at which a replication slot begins, and lets the copies
    follow.
  - Both sides get a fence (see M(cryptobot.native.postgresql_fence)). The source stays open, the copy is born closed.
  - Tables without a usable key get a replica identity before they are published. Where that can't be, the table is
    named.
  - Not followed are DDL, large objects, unlogged tables and sequences. DDL, large objects and unlogged tables that were
    written to since the copy are named among the obstacles, DDL with its statement's text; sequences are set by
    O(state=caught_up).
  - The source needs C(wal_level) V(logical).
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes
  - cryptobot.native.journal
  - cryptobot.native.postgresql
options:
  databases:
    description: The databases.
    type: list
    elements: dict
    required: true
    suboptions:
      datastore:
        description: Name of the datastore in the catalogue.
        type: str
        required: true
      source:
        description: Its database at the source.
        type: str
        required: true
      target:
        description: Its database at the target.
        type: str
        required: true
      owner:
        description: The native role that owns the database and what is in it.
        type: str
        required: true
      access:
        description: By native role, V(write), V(read) or V(connect). Those that write stand for the source's login.
        type: dict
        default: {}
      roles:
        description: By login of the source, the native role (or a list) in its place.
        type: dict
        default: {}
  state:
    description:
      - V(following) copies what does not follow yet. V(caught_up) also waits until everything that was committed before
        the call is at the target, and sets its sequences exactly; that lasts only while the source is closed.
      - V(absent) removes subscription, slot, publication, reader and keys, and sees them gone. Fences stay, and
        databases, too, unless O(copies=removed).
    type: str
    choices: [following, caught_up, absent]
    default: following
  copies:
    description: What O(state=absent) does with databases of the target that are closed, since they followed.
    type: str
    choices: [kept, removed]
    default: kept
  reached:
    description: C(host), C(port) and C(sslmode) at which the target's server reaches the source, where they differ.
    type: dict
    default: {}
  seconds:
    description: How long O(state=caught_up) waits.
    type: float
    default: 60.0
  patience:
    description: Seconds within which the locks of all tables must have been had. Then who holds one is named.
    type: float
    default: 120.0
"""

EXAMPLES = r"""
- name: Copy a database and let it follow
  cryptobot.native.postgresql_follow:
    run: 20300101T120000
    source: {container: {project: cryptobot, service: postgres}}
    target: {local: {}}
    databases:
      - {datastore: auth, source: auth_db, target: auth, owner: auth_owner, access: {auth: write}}
"""

RETURN = r"""
databases:
  description: By datastore, how it follows.
  returned: success
  type: dict
  sample:
    auth:
      following: true
      lag_bytes: 312
      room_bytes: null
      tables_waiting: 0
      apply_errors: 0
      obstacles: []
copies:
  description: By datastore that was copied by this call, the evidence of the copy and the tables that are not followed.
  returned: success
  type: dict
caught_up:
  description: By datastore, seconds until everything that was committed before the call was there.
  returned: with O(state=caught_up)
  type: dict
  sample: {"auth": 0.004}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.cryptobot.native.plugins.module_utils.migration.journal import Journal
from ansible_collections.cryptobot.native.plugins.module_utils.migration.lock import Lock, LockHeld
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql import takeover
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.endpoint import Endpoint, EndpointError
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.fence.errors import FenceError, sentences
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.follow.call import Follow
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.follow.errors import FollowError
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.transfer.call import wish
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.transfer.errors import TransferError
from ansible_collections.cryptobot.native.plugins.module_utils.state import StateRecord

DATABASE = {
    "datastore": {"type": "str", "required": True},
    "source": {"type": "str", "required": True},
    "target": {"type": "str", "required": True},
    "owner": {"type": "str", "required": True},
    "access": {"type": "dict", "default": {}},
    "roles": {"type": "dict", "default": {}},
}
ARGUMENTS: dict[str, Any] = {
    "run": {"type": "str", "required": True},
    "source": {"type": "dict", "required": True},
    "target": {"type": "dict", "required": True},
    "databases": {"type": "list", "elements": "dict", "required": True, "options": DATABASE},
    "state": {"type": "str", "choices": ["following", "caught_up", "absent"], "default": "following"},
    "copies": {"type": "str", "choices": ["kept", "removed"], "default": "kept"},
    "reached": {"type": "dict", "default": {}},
    "jobs": {"type": "int", "default": 0},
    "seconds": {"type": "float", "default": 60.0},
    "patience": {"type": "float", "default": 120.0},
    "directory": {"type": "path", "default": "/var/lib/cryptobot-migration"},
}


def work(options: dict[str, Any], check: bool) -> dict[str, Any]:
    """Does what the state asks for, alone on this host; in check mode it only looks."""
    follow = Follow(
        Journal(options["directory"]),
        options["run"],
        Endpoint.from_options(options["source"]),
        Endpoint.from_options(options["target"]),
        [wish(each) for each in options["databases"]],
        options["jobs"],
        options["patience"],
        reached=options["reached"],
    )
    absent, copies = options["state"] == "absent", options["copies"] == "removed"
    before = follow.shown()
    needed = follow.there(copies) if absent else follow.needed()
    result: dict[str, Any] = {"changed": bool(needed), "copies": {}}
    if check:
        after = {name: {**each, "following": not absent} for name, each in before.items()}
        return {**result, "databases": after, "diff": diff(before, after)}
    names = ", ".join(each.datastore for each in follow.wishes)
    command = f"postgresql_follow {options['state']} {names}"
    with Lock(options["directory"]).held(command), sentences(f"{follow.source.title} or {follow.target.title}"):
        here = {each.target: each.owner for each in follow.wishes} if options["target"].get("local") is not None else {}
        record = StateRecord()
        if absent:
            follow.end(copies)
            there = follow.existing()
            gone = {name: owner for name, owner in here.items() if name not in there}
            record.extend(takeover.moved_out(record.lines(), gone))
        else:
            record.extend(takeover.moved_in(record.lines(), here))
            result["copies"] = follow.begin()
        if options["state"] == "caught_up":
            result["caught_up"] = follow.catch_up(options["seconds"])
            result["changed"] = True
    after = follow.shown()
    return {**result, "databases": after, "diff": diff(before, after)}


def diff(before: dict[str, Any], after: dict[str, Any]) -> dict[str, str]:
    """Who follows; figures that move by themselves are no difference."""
    shown = [
        "".join(
            f"{name}: {'following' if each['following'] else 'not following'}\n" for name, each in sorted(side.items())
        )
        for side in (before, after)
    ]
    return {"before": shown[0], "after": shown[1]}


def main() -> None:
    """Follow."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        result = work(module.params, module.check_mode)
    except (EndpointError, FenceError, FollowError, TransferError, LockHeld, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
