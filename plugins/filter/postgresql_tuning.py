# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL's settings out of the host's own memory and cores."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.cryptobot.native.plugins.module_utils.postgresql import takeover
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql import tuning as postgresql_tuning

DOCUMENTATION = r"""
name: postgresql_tuning
author: Cryptobot Native contributors (@cryptobot)
version_added: 0.1.0
short_description: Settings of PostgreSQL for a host
description: Computes every setting that the collection writes from the memory and the cores that M(cryptobot.native.capacity_info) found.
positional: options
options:
  _input:
    description: What M(cryptobot.native.capacity_info) returned.
    type: dict
    required: true
  options:
    description:
      - C(memory_share) (0 to 1), C(max_connections), C(listen) (addresses), C(port) and C(extra) settings, which win.
      - C(foreign), the server was there before the platform, so only what the platform needs is set, but for the names in C(chosen).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show the settings
  ansible.builtin.debug:
    msg: "{{ capacity | cryptobot.native.postgresql_tuning({'memory_share': 0.5, 'max_connections': 200, 'listen': ['localhost'], 'port': 5432}) }}"
"""

RETURN = r"""
_value:
  description: Values by name, as PostgreSQL spells them.
  type: dict
"""


def tuned(capacity: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, str]:
    """The settings of one host."""
    machine = postgresql_tuning.Machine(capacity["memory_mb"], capacity["cores"], float(options["memory_share"]))
    wanted = postgresql_tuning.settings(
        machine,
        max_connections=int(options["max_connections"]),
        listen=list(options["listen"]),
        port=int(options["port"]),
        extra=options.get("extra"),
    )
    if not options.get("foreign"):
        return wanted
    return takeover.needs(wanted, options.get("chosen") or (), options.get("extra") or {})


class FilterModule:
    """Filters on PostgreSQL's settings."""

    def filters(self) -> dict[str, Callable]:
        return {"postgresql_tuning": tuned}
