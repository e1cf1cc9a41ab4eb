#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: migration_backup
short_description: Complete a backup of a Compose project, or check one
version_added: 0.1.0
description:
  - A backup is a folder of parts, each saved by M(cryptobot.native.postgresql_archive) or
    M(cryptobot.native.store_archive). It counts from the moment at which its C(backup.json), written last, is there.
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes
options:
  state:
    description: V(complete) writes C(backup.json), V(checked) refuses what is not whole, V(listed) names whole ones.
    type: str
    choices: [complete, checked, listed]
    required: true
  backup:
    description: Id of the backup.
    type: str
    default: ""
  project:
    description: Name of the Compose project.
    type: str
    default: ""
  parts:
    description: The parts, each with C(part) (its folder), C(kind) and C(datastores).
    type: list
    elements: dict
    default: []
  directory:
    description: Where migrations are kept.
    type: path
    default: /var/lib/cryptobot-migration
"""

EXAMPLES = r"""
- name: Check a backup
  cryptobot.native.migration_backup:
    state: checked
    backup: 20260102T030405
"""

RETURN = r"""
content:
  description: What the backup holds.
  returned: unless O(state=listed)
  type: dict
lines:
  description: The same for a screen.
  returned: always
  type: list
  elements: str
path:
  description: Where it is.
  returned: unless O(state=listed)
  type: str
backups:
  description: Ids of the whole backups, oldest first.
  returned: always
  type: list
  elements: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptobot.native.plugins.module_utils.migration import backups

ARGUMENTS: dict[str, Any] = {
    "state": {"type": "str", "choices": ["complete", "checked", "listed"], "required": True},
    "backup": {"type": "str", "default": ""},
    "project": {"type": "str", "default": ""},
    "parts": {"type": "list", "elements": "dict", "default": []},
    "directory": {"type": "path", "default": "/var/lib/cryptobot-migration"},
}


def main() -> None:
    """Complete, check or list."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    given = module.params
    there = backups.available(given["directory"])
    if given["state"] == "listed":
        module.exit_json(changed=False, backups=there, lines=there or ["There is no whole backup on this host."])
    try:
        path = backups.folder(given["directory"], given["backup"])
        completing = given["state"] == "complete"
        if completing and module.check_mode:
            module.exit_json(changed=True, backups=there, lines=[], path=str(path))
        content = backups.complete(path, given["project"], given["parts"]) if completing else backups.check(path)
    except (backups.BackupRefused, OSError) as error:
        module.fail_json(msg=str(error))
    there = backups.available(given["directory"])
    module.exit_json(
        changed=completing, content=content, lines=backups.lines(content, path), path=str(path), backups=there
    )


if __name__ == "__main__":
    main()
