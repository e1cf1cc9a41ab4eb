#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: accounts
short_description: Make system users, groups and directories in one call
version_added: 0.1.0
description:
  - Compares any number of system users, groups and directories with the host and makes what is missing or different.
  - Users have no password and no login shell. Nothing is ever removed but memberships in the listed groups.
  - Every change is kept in the host's record of state.
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes
options:
  groups:
    description: Names of system groups. Who is a member of these is decided by O(users) alone.
    type: list
    elements: str
    default: []
  users:
    description: System users, each with a primary group of its name.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The name.
        type: str
        required: true
      home:
        description: Home directory. It is not made.
        type: path
        default: /nonexistent
      comment:
        description: What the user is for.
        type: str
        default: ""
      shell:
        description: Login shell.
        type: path
        default: /usr/sbin/nologin
      groups:
        description: Further groups, out of O(groups).
        type: list
        elements: str
        default: []
  directories:
    description: Directories with their rights. A symbolic link to a directory counts as one.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Absolute path.
        type: path
        required: true
      owner:
        description: Name of the owner.
        type: str
        default: root
      group:
        description: Name of the group.
        type: str
        default: root
      mode:
        description: Octal digits.
        type: str
        default: "0755"
"""

EXAMPLES = r"""
- name: Make the accounts of two services that share a directory
  cryptobot.native.accounts:
    groups: [cryptobot-data-bars]
    users:
      - {name: cryptobot-data, home: /var/lib/cryptobot/data, groups: [cryptobot-data-bars]}
      - {name: cryptobot-backtest, home: /var/lib/cryptobot/backtest, groups: [cryptobot-data-bars]}
    directories:
      - {path: /var/lib/cryptobot-datastores/bars, group: cryptobot-data-bars, mode: "2770"}
"""

RETURN = r"""
changes:
  description: What was changed, or would be in check mode.
  returned: always
  type: list
  elements: str
  sample: ["user cryptobot-auth", "directory /opt/cryptobot"]
plan:
  description:
    - The same as kind, target and action of each; one form for all modules.
    - C(unknown) says what of it can't be told ahead.
  returned: always
  type: list
  elements: dict
  sample: [{kind: user, target: cryptobot-auth, action: add}]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptobot.native.plugins.module_utils import accounts
from ansible_collections.cryptobot.native.plugins.module_utils.changes import apply, as_diff, as_plan, summaries
from ansible_collections.cryptobot.native.plugins.module_utils.state import StateRecord
from ansible_collections.cryptobot.native.plugins.module_utils.turn import take_turn

USER = {
    "name": {"type": "str", "required": True},
    "home": {"type": "path", "default": "/nonexistent"},
    "comment": {"type": "str", "default": ""},
    "shell": {"type": "path", "default": "/usr/sbin/nologin"},
    "groups": {"type": "list", "elements": "str", "default": []},
}
DIRECTORY = {
    "path": {"type": "path", "required": True},
    "owner": {"type": "str", "default": "root"},
    "group": {"type": "str", "default": "root"},
    "mode": {"type": "str", "default": "0755"},
}


def main() -> None:
    """Gather, plan, and apply unless in check mode."""
    module = AnsibleModule(
        argument_spec={
            "groups": {"type": "list", "elements": "str", "default": []},
            "users": {"type": "list", "elements": "dict", "default": [], "options": USER},
            "directories": {"type": "list", "elements": "dict", "default": [], "options": DIRECTORY},
        },
        supports_check_mode=True,
    )
    take_turn(module, "accounts")
    wanted = accounts.Wanted(
        groups=tuple(module.params["groups"]),
        users=tuple(accounts.User.from_options(options) for options in module.params["users"]),
        directories=tuple(accounts.Directory(**options) for options in module.params["directories"]),
    )
    try:
        changes = accounts.plan(wanted, accounts.gather(wanted))
    except accounts.AccountsError as error:
        module.fail_json(msg=str(error))
    if not module.check_mode:
        apply(changes, lambda command: module.run_command(list(command), check_rc=True), StateRecord())
    module.exit_json(changed=bool(changes), changes=summaries(changes), plan=as_plan(changes), diff=as_diff(changes, "accounts"))


if __name__ == "__main__":
    main()
