#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: postgresql_transfer
short_description: Copy PostgreSQL databases from one server to another, whole or not at all
version_added: 0.1.0
description:
  - Copies definitions, rows, sequences, large objects, owners, rights, settings, roles and comments, on one snapshot of the source.
  - A copy goes into C(<target>__incoming) and is renamed by O(state=active). Until its last transaction nothing takes it for whole.
  - Every step is in the journal. A call that was cut off goes on where it was, as long as the source was not written to since.
  - Roles of the source that the catalogue does not know are carried with their verifiers, never as superusers.
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
        description: By login of the source, the native role (or a list) in its place. Without it, the login is who owns the source's database.
        type: dict
        default: {}
      way:
        description: V(stream) by parallel COPY, or V(archive) by pg_dump and pg_restore.
        type: str
        choices: [stream, archive]
        default: stream
      locale:
        description: Another collation and character type than the source's.
        type: str
        default: ''
  state:
    description: V(copied) into the fresh database, V(active) under its name, V(absent) removes unfinished and unused copies.
    type: str
    choices: [copied, active, absent]
    default: copied
  back:
    description:
      - The way back. O(source) is the native server, O(target) the Compose project's. Definitions, owners and rights are the
        Compose project's own, rows and sequences the native ones; what was in place stays as C(<target>__before_<run>).
      - O(databases[].owner) and O(databases[].access) are given as on the way there.
    type: bool
    default: false
  replace:
    description: Whether O(state=active) keeps a target that is not empty as C(<target>__before_<run>) instead of refusing it.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Copy the database of one service
  cryptobot.native.postgresql_transfer:
    run: 20300101T120000
    source: {container: {project: cryptobot, service: postgres}}
    target: {local: {}}
    databases:
      - {datastore: auth, source: auth_db, target: auth, owner: auth_owner, access: {auth: write}}

- name: Put it into place
  cryptobot.native.postgresql_transfer:
    run: 20300101T120000
    source: {container: {project: cryptobot, service: postgres}}
    target: {local: {}}
    databases:
      - {datastore: auth, source: auth_db, target: auth, owner: auth_owner, access: {auth: write}}
    state: active
"""

RETURN = r"""
databases:
  description: By datastore, what was copied or renamed.
  returned: success
  type: dict
  sample: {"auth": {"rows": 100204, "bytes": 7952882, "seconds": 3.1, "sequences": 15, "large_objects": 3}}
roles:
  description: Roles, memberships and settings that were made.
  returned: success
  type: list
  elements: str
  sample: ["role reporting", "reporting as a member of readers"]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptobot.native.plugins.module_utils.migration.journal import Journal
from ansible_collections.cryptobot.native.plugins.module_utils.migration.lock import Lock, LockHeld
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql import takeover
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.endpoint import Endpoint, EndpointError
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.transfer.call import Transfer, wish
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.transfer.errors import TransferError
from ansible_collections.cryptobot.native.plugins.module_utils.state import StateRecord

DATABASE = {
    "datastore": {"type": "str", "required": True},
    "source": {"type": "str", "required": True},
    "target": {"type": "str", "required": True},
    "owner": {"type": "str", "required": True},
    "access": {"type": "dict", "default": {}},
    "roles": {"type": "dict", "default": {}},
    "way": {"type": "str", "choices": ["stream", "archive"], "default": "stream"},
    "locale": {"type": "str", "default": ""},
}
ARGUMENTS: dict[str, Any] = {
    "run": {"type": "str", "required": True},
    "source": {"type": "dict", "required": True},
    "target": {"type": "dict", "required": True},
    "databases": {"type": "list", "elements": "dict", "required": True, "options": DATABASE},
    "jobs": {"type": "int", "default": 0},
    "state": {"type": "str", "choices": ["copied", "active", "absent"], "default": "copied"},
    "back": {"type": "bool", "default": False},
    "replace": {"type": "bool", "default": False},
    "directory": {"type": "path", "default": "/var/lib/cryptobot-migration"},
}


def work(options: dict[str, Any]) -> dict[str, Any]:
    """Does what the state asks for, alone on this host."""
    source, target = Endpoint.from_options(options["source"]), Endpoint.from_options(options["target"])
    wishes = [wish(each) for each in options["databases"]]
    transfer = Transfer(
        Journal(options["directory"]),
        options["run"],
        source,
        target,
        wishes,
        options["jobs"],
        options["back"],
        options["replace"],
    )
    names = ", ".join(each.datastore for each in wishes)
    with Lock(options["directory"]).held(f"postgresql_transfer {options['state']} {names}"):
        if options["state"] == "active" and options["target"].get("local") is not None:
            record = StateRecord()
            record.extend(takeover.moved_in(record.lines(), {each.target: each.owner for each in wishes}))
        changed, found = getattr(transfer, options["state"])()
    return {"changed": changed, "databases": found, "roles": transfer.roles_made}


def main() -> None:
    """Transfer, unless in check mode."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    if module.check_mode:
        module.exit_json(changed=True, databases={}, roles=[])
    try:
        result = work(module.params)
    except (EndpointError, TransferError, LockHeld, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
