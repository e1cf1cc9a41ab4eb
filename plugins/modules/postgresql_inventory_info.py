#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: postgresql_inventory_info
short_description: What PostgreSQL databases hold, how they may move, and what stands in the way
version_added: 0.1.0
description:
  - Reads versions, libc, encodings, locales, sizes, tables with their keys, extensions, roles and whatever else a move depends on.
  - Chooses a strategy for each database with its reasons, and lists findings. A finding is V(blocking), a V(decision) or a V(note).
  - Measures how fast the databases can be read over the line now, and predicts how long a copy will take.
  - Changes nothing. Where the target is not there yet, findings that depend on it are left for later, and say so.
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes.info
  - cryptobot.native.postgresql
options:
  target:
    description: The server that they shall move to, named like O(source).
    type: dict
    required: false
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
      owner:
        description: The native role that will own it.
        type: str
      access:
        description: By native role, what it may do.
        type: dict
        default: {}
      roles:
        description: By login of the source, the native role in its place.
        type: dict
        default: {}
      way:
        description: V(stream) by parallel COPY, or V(archive) by pg_dump and pg_restore, which needs room for the dump.
        type: str
        choices: [stream, archive]
        default: stream
      locale:
        description: Another collation and character type than the source's.
        type: str
        default: ''
  known:
    description: Other databases of the source that are accounted for. What is neither here nor in O(databases) and holds something is a finding.
    type: list
    elements: str
    default: []
  jobs:
    description: Lines at a time that the copy will use; V(0) is one for each core, from two to four.
    type: int
    default: 0
  measure:
    description: Whether to measure, for about three seconds.
    type: bool
    default: true
  directory:
    description: Where the target's data will be when the server is not there yet; its free space counts.
    type: path
    default: /var/lib/postgresql
"""

EXAMPLES = r"""
- name: Look at what will move
  cryptobot.native.postgresql_inventory_info:
    source: {container: {project: cryptobot, service: postgres}}
    target: {local: {}}
    databases:
      - {datastore: auth, source: auth_db, target: auth, owner: auth_owner, access: {auth: write}}
"""

RETURN = r"""
source:
  description: The source's version, libc, roles and settings.
  returned: when the source could be asked
  type: dict
target:
  description: The same of the target.
  returned: when the target is there
  type: dict
databases:
  description: By datastore, sizes, tables, extensions, the map of roles, the strategy with its reasons, and the estimate in seconds.
  returned: success
  type: dict
  sample: {"auth": {"bytes": 24117248, "rows": 100204, "method": {"choice": "freeze-copy"}, "estimate": {"total": 4.1}}}
findings:
  description: What the operator must know, decide or remove, each with severity, code, object, text, remedy and datastore.
  returned: success
  type: list
  elements: dict
throughput:
  description: What was measured.
  returned: when it was measured
  type: dict
  sample: {"bytes_per_second": 182000000, "core_mb_per_second": 121.4}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptobot.native.plugins.module_utils.postgresql import survey
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.endpoint import EndpointError

DATABASE = {
    "datastore": {"type": "str", "required": True},
    "source": {"type": "str", "required": True},
    "target": {"type": "str"},
    "owner": {"type": "str"},
    "access": {"type": "dict", "default": {}},
    "roles": {"type": "dict", "default": {}},
    "way": {"type": "str", "choices": ["stream", "archive"], "default": "stream"},
    "locale": {"type": "str", "default": ""},
}
ARGUMENTS: dict[str, Any] = {
    "source": {"type": "dict", "required": True},
    "target": {"type": "dict"},
    "databases": {"type": "list", "elements": "dict", "required": True, "options": DATABASE},
    "known": {"type": "list", "elements": "str", "default": []},
    "jobs": {"type": "int", "default": 0},
    "measure": {"type": "bool", "default": True},
    "directory": {"type": "path", "default": "/var/lib/postgresql"},
}


def main() -> None:
    """Look, and return what was seen."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        result = survey.survey(module.params)
    except EndpointError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
