#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: files_transfer
short_description: Bring a directory with everything in it to its native place, or back
version_added: 0.1.0
description:
  - Copies by rsync with hard links, access lists, extended attributes, holes and numbers of owners, and gives files their native owners.
  - SQLite databases among the files are copied by SQLite's own backup.
  - The copy is beside the target, as C(<path>.incoming), until O(state=active) renames it into place in one step.
  - Every step is in the journal, and a call that was cut off goes on where it was.
  - In check mode it only returns what it would do and what stands against it.
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes
  - cryptobot.native.journal
  - cryptobot.native.stores
  - cryptobot.native.stores.files
options:
  accept:
    description: Decisions that have been made, as C(code) or C(code:object) of the findings; others stop a copy before it begins.
    type: list
    elements: str
    default: []
  replace:
    description: What the target holds is superseded, as on the way back. It is kept as C(<path>.before).
    type: bool
    default: false
  state:
    description:
      - V(copied) is whole beside the target, V(active) is in its place, V(absent) removes a copy that was not put into place.
      - V(refreshed) is V(copied), and where that was done before, it is brought up to date with a source that is written to.
    type: str
    choices: [copied, refreshed, active, absent]
    default: copied
"""

EXAMPLES = r"""
- name: Copy what a volume holds
  cryptobot.native.files_transfer:
    run: 20300101T120000
    datastore: bars
    source: {container: {project: cryptobot, volume: market-data}}
    target: {path: /var/lib/cryptobot-datastores/bars}
    ownership: {users: [cryptobot-data, cryptobot-backtest], group: cryptobot-data-bars, run_as: [0]}
"""

RETURN = r"""
findings:
  description: What stands against it or must be known, each with C(severity), C(code), C(object), C(text) and C(remedy).
  returned: in check mode
  type: list
  elements: dict
  sample: []
files:
  description: Entries below the directory.
  returned: when copied, and in check mode
  type: int
  sample: 266
bytes:
  description: Bytes of its files, holes included.
  returned: when copied, and in check mode
  type: int
  sample: 20062751
allocated:
  description: Bytes that they take on the disk.
  returned: in check mode
  type: int
  sample: 4165632
databases:
  description: SQLite databases, in check mode by name, else their number.
  returned: when copied, and in check mode
  type: raw
  sample: 1
renamed:
  description: Databases that have another name on the target.
  returned: when copied
  type: dict
  sample: {}
seconds:
  description: How long it took.
  returned: when copied
  type: float
  sample: 1.2
path:
  description: Where the copy is now.
  returned: when active
  type: str
  sample: /var/lib/cryptobot-datastores/bars
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptobot.native.plugins.module_utils.files import call


def main() -> None:
    """Transfer, or in check mode plan."""
    spec = call.TRANSFER
    call.run_transfer(AnsibleModule(argument_spec=spec, supports_check_mode=True))


if __name__ == "__main__":
    main()
