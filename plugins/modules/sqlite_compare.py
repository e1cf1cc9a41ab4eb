#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: sqlite_compare
short_description: Compare a SQLite database with its copy by content
version_added: 0.1.0
description:
  - Compares definitions, settings and every row of the databases, in the order of their keys, and the files beside them.
  - Every difference is named, exactly. Fails when there is one, unless O(fail=false).
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes.info
  - cryptobot.native.journal
  - cryptobot.native.stores
  - cryptobot.native.stores.files
  - cryptobot.native.stores.comparison
options:
  file:
    description:
      - Name of the database on the native side. A single one of another name in the source gets this name, and on the way back the name
        that it has in the container's volume.
    type: str
    required: true
  incoming:
    description: Whether the copy beside the target is compared, which is not yet in place.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Compare what was copied
  cryptobot.native.sqlite_compare:
    run: 20300101T120000
    datastore: backtest-results
    source: {container: {project: cryptobot, volume: backtest-results}}
    target: {path: /var/lib/cryptobot-datastores/backtest-results}
    ownership: {users: [cryptobot-backtest], group: cryptobot-data-backtest-results, run_as: [0]}
    file: backtest-results.sqlite
    incoming: true
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
files:
  description: Entries that were compared.
  returned: always
  type: int
  sample: 263
bytes:
  description: Bytes of files that were read on each side.
  returned: always
  type: int
  sample: 19922999
databases:
  description: SQLite databases that were compared.
  returned: always
  type: int
  sample: 1
rows:
  description: Rows of them.
  returned: always
  type: int
  sample: 1052
manifest:
  description: SHA-256 of the manifest of the source.
  returned: always
  type: str
  sample: e52a6636a53f37cdf9531bb12ece25c2cbf8da8531cd81456cdce2122be9e3dd
seconds:
  description: How long it took.
  returned: always
  type: float
  sample: 1.2
evidence:
  description: Where the result is kept, below the directory of the journal; the manifest is beside it.
  returned: always
  type: str
  sample: evidence/20300101T120000/verify_files_bars.json
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptobot.native.plugins.module_utils.files import call


def main() -> None:
    """Compare; differences are a failure unless told otherwise."""
    spec = {**call.COMPARE, "file": {"type": "str", "required": True}}
    call.run_compare(AnsibleModule(argument_spec=spec, supports_check_mode=True))


if __name__ == "__main__":
    main()
