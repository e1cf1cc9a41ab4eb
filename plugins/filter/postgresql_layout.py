# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the resolved catalogue means for the PostgreSQL server of a host."""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.cryptobot.native.plugins.module_utils.postgresql import layout as postgresql_layout

DOCUMENTATION = r"""
name: postgresql_layout
author: Cryptobot Native contributors (@cryptobot)
version_added: 0.1.0
short_description: Roles, databases and doors of a PostgreSQL host
description: Turns the resolved catalogue into the options of M(cryptobot.native.postgresql_objects) and the lines of C(pg_hba.conf) and C(pg_ident.conf).
positional: host, options
options:
  _input:
    description: The resolved catalogue.
    type: dict
    required: true
  host:
    description: The host's name in the inventory.
    type: str
    required: true
  options:
    description: C(connection_limit) of a service, C(locale) of new databases, C(extensions) by datastore, C(sides), the fact C(cryptobot_sides).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show the databases of a host
  ansible.builtin.debug:
    msg: "{{ (ansible_facts['cryptobot'] | cryptobot.native.postgresql_layout(inventory_hostname, options)).databases }}"
  vars:
    options: {connection_limit: 50, locale: C.UTF-8, extensions: {}}
"""

RETURN = r"""
_value:
  description: C(roles), C(databases), C(hba), C(ident) and C(pooled).
  type: dict
"""


class FilterModule:
    """Filters on the databases of a host."""

    def filters(self) -> dict[str, Callable]:
        return {"postgresql_layout": postgresql_layout.layout}
