# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the resolved catalogue means for the Redis instance of a host."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.cryptobot.native.plugins.module_utils.redis import layout as redis_layout

DOCUMENTATION = r"""
name: redis_layout
author: Cryptobot Native contributors (@cryptobot)
version_added: 0.1.0
short_description: Users and settings of a Redis host
description: Turns the resolved catalogue into the options of M(cryptobot.native.redis_server).
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
    description: C(memory_mb), C(memory_share) (0 to 1), C(port), C(listen) (addresses; empty means derived),
      C(extra) settings, which win, further C(channels) by service, and C(sides), the fact C(cryptobot_sides).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show the users of a host
  ansible.builtin.debug:
    msg: "{{ (ansible_facts['cryptobot'] | cryptobot.native.redis_layout(inventory_hostname, options)).users }}"
  vars:
    options: {memory_mb: 4096, memory_share: 0.15, port: 6379, listen: [], extra: {}, channels: {}}
"""

RETURN = r"""
_value:
  description: C(users) and C(settings).
  type: dict
"""


def layout(catalogue: Mapping[str, Any], host: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Users and settings of one host."""
    listen = list(options["listen"]) or redis_layout.listen(catalogue, host, options.get("sides"))
    share, port = float(options["memory_share"]), int(options["port"])
    settings = redis_layout.settings(int(options["memory_mb"]), share, listen, port, options["extra"])
    return {"users": redis_layout.users(catalogue, host, options["channels"], options.get("sides")), "settings": settings}


class FilterModule:
    """Filters on the Redis instance of a host."""

    def filters(self) -> dict[str, Callable]:
        return {"redis_layout": layout}
