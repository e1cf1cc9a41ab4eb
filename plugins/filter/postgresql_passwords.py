# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Passwords of PostgreSQL roles out of the deployment's secrets."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.cryptobot.native.plugins.module_utils import postgresql_layout

DOCUMENTATION = r"""
name: postgresql_passwords
author: Cryptobot Native contributors (@cryptobot)
version_added: 0.1.0
short_description: Passwords of the roles of a PostgreSQL host
description: Picks the passwords of those roles that have one, packed for M(cryptobot.native.postgresql_objects).
positional: catalogue, secrets
options:
  _input:
    description: What P(cryptobot.native.postgresql_layout#filter) returned.
    type: dict
    required: true
  catalogue:
    description: The resolved catalogue.
    type: dict
    required: true
  secrets:
    description: Secrets by service.
    type: raw
    required: true
"""

EXAMPLES = r"""
- name: Make roles with passwords
  cryptobot.native.postgresql_objects:
    roles: "{{ layout.roles }}"
    passwords: "{{ layout | cryptobot.native.postgresql_passwords(ansible_facts['cryptobot'], cryptobot_secrets) }}"
"""

RETURN = r"""
_value:
  description: JSON in Base64; the empty string when no role has a password.
  type: str
"""


def packed(layout: Mapping[str, Any], catalogue: Mapping[str, Any], secrets: Mapping[str, Any] | None) -> str:
    """The passwords as the module takes them."""
    found = postgresql_layout.passwords(layout, catalogue, secrets or {})
    return base64.b64encode(json.dumps(found).encode()).decode() if found else ""


class FilterModule:
    """Filters on secrets of PostgreSQL."""

    def filters(self) -> dict[str, Callable]:
        return {"postgresql_passwords": packed}
