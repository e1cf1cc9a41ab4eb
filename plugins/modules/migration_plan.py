#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: migration_plan
short_description: Say what a migration will move, how, how long it will take, and what stands in its way
version_added: 0.1.0
description:
  - Puts together what the read-only modules have found, measures how fast the host works now, and makes the plan.
  - Writes it as JSON and as a page of HTML to O(directory); in check mode nothing is written.
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes
options:
  project:
    description: Name of the Compose project.
    type: str
    required: true
  group:
    description: The migration group, or V(all).
    type: str
    default: all
  stores:
    description: Where each datastore is and will be, by P(cryptobot.native.migration_stores#filter).
    type: dict
    required: true
  sharing:
    description: By datastore its users and migration groups, by P(cryptobot.native.migration_sharing#filter).
    type: dict
    default: {}
  services:
    description: How many containers stop, how many schemas are looked at, and how many processes start in each wave.
    type: dict
    default: {}
  source:
    description: Result of M(cryptobot.native.docker_source_info).
    type: dict
    default: {}
  postgresql:
    description: Results of M(cryptobot.native.postgresql_inventory_info).
    type: list
    elements: dict
    default: []
  redis:
    description: Results of M(cryptobot.native.redis_transfer) in check mode.
    type: list
    elements: dict
    default: []
  directories:
    description: Results of M(cryptobot.native.files_transfer) in check mode.
    type: list
    elements: dict
    default: []
  sqlite:
    description: Results of M(cryptobot.native.sqlite_transfer) in check mode.
    type: list
    elements: dict
    default: []
  calls:
    description:
      - When several calls of M(cryptobot.native.migration_journal) were on the host, one right after the other, as it returns it
        for O(cryptobot.native.migration_journal#module:state=read). They tell what a call takes now.
    type: list
    elements: float
    default: []
  jobs:
    description: Parallel connections of copy and verification.
    type: int
    default: 2
  accept:
    description: Decisions of the operator, as C(code) or C(code:object).
    type: list
    elements: str
    default: []
  superseded:
    description: Whether what earlier runs have left on the native side is known to be old.
    type: bool
    default: false
  window:
    description: Whether the group changes sides in one window, so that its databases are followed.
    type: bool
    default: false
  directory:
    description: Where the plan is written.
    type: path
    default: /var/lib/cryptobot-migration
"""

EXAMPLES = r"""
- name: Make the plan
  cryptobot.native.migration_plan:
    project: cryptobot
    stores: "{{ ansible_facts['cryptobot'] | cryptobot.native.migration_stores(cryptobot_compose) }}"
"""

RETURN = r"""
plan:
  description: The plan.
  returned: always
  type: dict
lines:
  description: The plan for a screen.
  returned: always
  type: list
  elements: str
refusal:
  description: Why the migration cannot begin; empty where it can.
  returned: always
  type: str
files:
  description: Where the plan was written.
  returned: always
  type: list
  elements: str
"""

import json
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptobot.native.plugins.module_utils.migration import journal, looks, plan, plan_page, speed

LISTS = ("postgresql", "redis", "directories", "sqlite")
ARGUMENTS: dict[str, Any] = {
    "project": {"type": "str", "required": True},
    "group": {"type": "str", "default": "all"},
    "stores": {"type": "dict", "required": True},
    "sharing": {"type": "dict", "default": {}},
    "services": {"type": "dict", "default": {}},
    "source": {"type": "dict", "default": {}},
    **{name: {"type": "list", "elements": "dict", "default": []} for name in LISTS},
    "calls": {"type": "list", "elements": "float", "default": []},
    "jobs": {"type": "int", "default": 2},
    "accept": {"type": "list", "elements": "str", "default": []},
    "superseded": {"type": "bool", "default": False},
    "window": {"type": "bool", "default": False},
    "directory": {"type": "path", "default": "/var/lib/cryptobot-migration"},
}


def gather(options: dict[str, Any]) -> dict[str, Any]:
    """What the plan is made of."""
    others = {"redis": options["redis"], "directory": options["directories"], "sqlite": options["sqlite"]}
    found = looks.looks(options["postgresql"], others)
    places = {"postgresql": "/var/lib/postgresql", "redis": "/var/lib/redis", "migration": options["directory"]}
    needed = looks.needs(found, options["stores"], places)
    findings = [*(options["source"].get("findings") or [])]
    findings += [finding for result in options["postgresql"] for finding in result.get("findings") or []]
    names = ("project", "group", "stores", "sharing", "services", "accept", "superseded", "window")
    kept = {key: options[key] for key in names}
    return {
        **kept,
        "looks": found,
        "findings": findings,
        "speeds": speed.measured(options["postgresql"], options["directory"], options["jobs"], options["calls"]),
        "disk": looks.merged(needed, speed.room(needed)),
    }


def main() -> None:
    """Gather, plan, and write the plan unless in check mode."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    made = plan.build(gather(module.params))
    files = []
    if not module.check_mode:
        directory, at = Path(module.params["directory"]), journal.now()
        content = {"plan.json": json.dumps({"at": at, **made}, indent=1, sort_keys=True) + "\n"}
        content["plan.html"] = plan_page.render(made, at)
        for name, text in content.items():
            journal.write_whole(directory / name, text)
            files.append(str(directory / name))
    module.exit_json(changed=False, plan=made, lines=plan.lines(made), refusal=plan.refusal(made), files=files)


if __name__ == "__main__":
    main()
