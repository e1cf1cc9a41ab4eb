#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: tree_apply
short_description: Place a rendered tree of files
version_added: 0.1.0
description:
  - The host's half of M(cryptobot.native.tree), which renders the tree and calls this module. Use that one.
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes
options:
  payload:
    description: The rendered tree in packed form.
    type: str
    required: true
seealso:
  - module: cryptobot.native.tree
"""

EXAMPLES = r"""
- name: Place files; M(cryptobot.native.tree) makes this call
  cryptobot.native.tree_apply:
    payload: "{{ packed }}"
"""

RETURN = r"""
changed_paths:
  description: Paths whose content, owner or permissions changed, or that went.
  returned: always
  type: list
  elements: str
  sample: [/etc/cryptobot/edge.cfg]
"""

from ansible.module_utils.basic import AnsibleModule


from ansible_collections.cryptobot.native.plugins.module_utils import tree
from ansible_collections.cryptobot.native.plugins.module_utils.state import StateRecord
from ansible_collections.cryptobot.native.plugins.module_utils.turn import take_turn


def main() -> None:
    """Plan, validate, and apply unless in check mode."""
    module = AnsibleModule(
        argument_spec={"payload": {"type": "str", "required": True, "no_log": True}},
        supports_check_mode=True,
    )
    take_turn(module, "tree")
    try:
        wanted = tree.unpack(module.params["payload"])
        planned = tree.plan(wanted, predict=module.check_mode)
        listed = tree.listed(planned)
        tree.check(wanted, planned, module.tmpdir)
        if not module.check_mode:
            tree.apply(planned, StateRecord())
    except tree.TreeError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=f"{error.filename}: {error.strerror}. Nothing else of this tree was changed after it; mend it and run again.")
    paths = [change.path for change in planned.changes]
    module.exit_json(changed=bool(paths), changed_paths=paths, plan=listed, diff=tree.diff(planned) if module._diff else [])


if __name__ == "__main__":
    main()
