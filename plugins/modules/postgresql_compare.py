#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: postgresql_compare
short_description: Prove that PostgreSQL databases on two servers hold the same
version_added: 0.1.0
description:
  - Compares every row of every table, large objects, sequences, and every kind of object with its definition, owner, rights and
    comment, between two servers of the same or of different major versions, at one instant of each.
  - Names each difference, of a row by its key and columns. Values are shown as digests that say nothing outside of this result.
  - Fails when there is a difference, unless O(fail=false). Only reads.
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes
  - cryptobot.native.attributes.info
  - cryptobot.native.postgresql
options:
  databases:
    description: The databases.
    type: list
    elements: dict
    required: true
    suboptions:
      datastore:
        description: What it is called in the result.
        type: str
        required: true
      source:
        description: Its name on the source.
        type: str
        required: true
      target:
        description: Its name on the target.
        type: str
        required: true
      owner:
        description: Role that stands for the source's owner on the target. Without it every role keeps its name.
        type: str
        default: ""
      roles:
        description: By role of the source, the role or roles of the target that stand for it as grantees. By default as the transfer maps them.
        type: dict
        default: {}
      access:
        description: By role of the target, what the catalogue grants it (V(write), V(read) or V(connect)) beyond the source.
        type: dict
        default: {}
      restoring:
        description: Whether the target is not in use yet, so that its limit of connections may differ.
        type: bool
        default: false
      back:
        description: Whether the target is the server that the source was once migrated from, whose own superusers stay what they are.
        type: bool
        default: false
  jobs:
    description: Tables that are scanned at the same time on each side.
    type: int
    default: 1
  rechecks:
    description: How often differing rows are looked at again, for sides that are written to. Rows that are alike by then are no differences.
    type: int
    default: 0
  pause:
    description: Seconds before each of O(rechecks).
    type: float
    default: 1
  most:
    description: Differing rows that are named in each table.
    type: int
    default: 100
  show_values:
    description: Show what the differing columns hold. It may be secret.
    type: bool
    default: false
  tolerate:
    description: Differences that are meant. They are returned as intended.
    type: list
    elements: dict
    default: []
    suboptions:
      kind:
        description: Kind of object, V(row) for rows; V(*) stands for anything, as in the others.
        type: str
        default: "*"
      object:
        description: Its name.
        type: str
        default: "*"
      columns:
        description: The columns or attributes that may differ.
        type: str
        default: "*"
  fail:
    description: Fail when there is a difference.
    type: bool
    default: true
  run:
    description: The run in whose journal the steps are written. Without it nothing is written.
    type: str
  directory:
    description: Where journal and evidence are.
    type: path
    default: /var/lib/cryptobot-migration
"""

EXAMPLES = r"""
- name: Prove that the restored database is the source's
  cryptobot.native.postgresql_compare:
    source: {container: {project: cryptobot, service: postgres}}
    target: {local: {}}
    databases:
      - {datastore: auth, source: auth_db, target: auth__incoming, owner: auth_owner, access: {auth: write}, restoring: true}
    run: "{{ run }}"
"""

RETURN = r"""
equal:
  description: Whether nothing differs.
  returned: always
  type: bool
differences:
  description: What differs, each with its C(text); C(source) and C(target) are digests where they are values of rows or secrets.
  returned: always
  type: list
  elements: dict
  sample: [{datastore: auth, kind: row, object: public.users, key: {id: "7"}, columns: [email], source: {email: 5f1c}, target: {email: 90aa},
    text: row id=7 of public.users differs in email}]
databases:
  description: By datastore, its C(tables) with rows, digest and seconds, the number of C(objects) by kind, what is C(intended), and C(notes).
  returned: always
  type: dict
seconds:
  description: How long it took.
  returned: always
  type: float
evidence:
  description: The file with everything, below O(directory). Only with O(run).
  returned: with O(run)
  type: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.compare import call
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.endpoint import EndpointError

DATABASE = {
    "datastore": {"type": "str", "required": True},
    "source": {"type": "str", "required": True},
    "target": {"type": "str", "required": True},
    "owner": {"type": "str", "default": ""},
    "roles": {"type": "dict", "default": {}},
    "access": {"type": "dict", "default": {}},
    "restoring": {"type": "bool", "default": False},
    "back": {"type": "bool", "default": False},
}
TOLERATED = {name: {"type": "str", "default": "*"} for name in ("kind", "object", "columns")}
ARGUMENTS: dict[str, Any] = {
    "source": {"type": "dict", "required": True},
    "target": {"type": "dict", "required": True},
    "databases": {"type": "list", "elements": "dict", "required": True, "options": DATABASE},
    "jobs": {"type": "int", "default": 1},
    "rechecks": {"type": "int", "default": 0},
    "pause": {"type": "float", "default": 1},
    "most": {"type": "int", "default": 100},
    "show_values": {"type": "bool", "default": False},
    "tolerate": {"type": "list", "elements": "dict", "default": [], "options": TOLERATED},
    "fail": {"type": "bool", "default": True},
    "run": {"type": "str"},
    "directory": {"type": "path", "default": "/var/lib/cryptobot-migration"},
}


def main() -> None:
    """Compare, keep the evidence, and fail when something differs."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        result = call.compare(module.params, keep=not module.check_mode)
    except (EndpointError, OSError) as error:
        module.fail_json(msg=str(error))
    if module.params["fail"] and not result["equal"]:
        module.fail_json(msg=call.failure(result), **result)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
