# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the resolved catalogue means for the accounts and directories of a host."""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.cryptobot.native.plugins.module_utils import accounts

DOCUMENTATION = r"""
name: accounts_layout
author: Cryptobot Native contributors (@cryptobot)
version_added: 0.1.0
short_description: Groups, users and directories of a host
description: Turns the resolved catalogue into the options of M(cryptobot.native.accounts).
positional: host
options:
  _input:
    description: The resolved catalogue.
    type: dict
    required: true
  host:
    description: The host's name in the inventory.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show the users of a host
  ansible.builtin.debug:
    msg: "{{ (ansible_facts['cryptobot'] | cryptobot.native.accounts_layout(inventory_hostname)).users }}"
"""

RETURN = r"""
_value:
  description: C(groups), C(users) and C(directories).
  type: dict
"""


class FilterModule:
    """Filters on the accounts of a host."""

    def filters(self) -> dict[str, Callable]:
        return {"accounts_layout": accounts.layout}
