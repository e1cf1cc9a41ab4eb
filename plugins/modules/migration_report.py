#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: migration_report
short_description: Report what a run of a migration did, and what it proved
version_added: 0.1.0
description:
  - Makes the report from the journal and the evidence, and writes it as JSON and as a page of HTML.
  - In check mode nothing is written.
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes
options:
  run:
    description: The run.
    type: str
    required: true
  urls:
    description: Where users find the services, by P(cryptobot.native.migration_urls#filter).
    type: list
    elements: dict
    default: []
  sides:
    description: The fact C(cryptobot_sides).
    type: dict
    default: {}
  next:
    description: What to do next.
    type: list
    elements: str
    default: []
  directory:
    description: Where the journal is, and the folder C(report).
    type: path
    default: /var/lib/cryptobot-migration
"""

EXAMPLES = r"""
- name: Report
  cryptobot.native.migration_report:
    run: 20260102T030405
"""

RETURN = r"""
report:
  description: The report.
  returned: always
  type: dict
lines:
  description: Its summary for a screen.
  returned: always
  type: list
  elements: str
files:
  description: Where it was written.
  returned: always
  type: list
  elements: str
"""

import json
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptobot.native.plugins.module_utils.migration import report
from ansible_collections.cryptobot.native.plugins.module_utils.migration.journal import Journal, write_whole

MORE = ("urls", "sides", "next")
ARGUMENTS: dict[str, Any] = {
    "run": {"type": "str", "required": True},
    "urls": {"type": "list", "elements": "dict", "default": []},
    "sides": {"type": "dict", "default": {}},
    "next": {"type": "list", "elements": "str", "default": []},
    "directory": {"type": "path", "default": "/var/lib/cryptobot-migration"},
}


def main() -> None:
    """Make the report, and write it unless in check mode."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    directory, run = Path(module.params["directory"]), module.params["run"]
    try:
        made = report.build(Journal(directory), run, {key: module.params[key] for key in MORE})
    except StopIteration:
        module.fail_json(msg=f"The journal in {directory} knows no run {run}.")
    files = []
    if not module.check_mode:
        pages = {".json": json.dumps(made, indent=1, sort_keys=True) + "\n", ".html": report.render(made)}
        for suffix, text in pages.items():
            path = directory / "report" / f"{run}{suffix}"
            write_whole(path, text)
            files.append(str(path))
    module.exit_json(changed=False, report=made, lines=report.lines(made), files=files)


if __name__ == "__main__":
    main()
