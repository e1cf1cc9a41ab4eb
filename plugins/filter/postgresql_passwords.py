# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Passwords of PostgreSQL roles out of the deployment's secrets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.cryptobot.native.plugins.module_utils.postgresql import layout as postgresql_layout
from ansible_collections.cryptobot.native.plugins.module_utils.secret_values import SecretError, pack

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


def packed(layout: Mapping[str, Any], catalogue: Mapping[str, Any], secrets: Any) -> str:
    """The passwords as the module takes them."""
    try:
        return pack(postgresql_layout.passwords(layout, catalogue, secrets))
    except SecretError as error:
        raise AnsibleFilterError(str(error)) from None


class FilterModule:
    """Filters on secrets of PostgreSQL."""

    def filters(self) -> dict[str, Callable]:
        return {"postgresql_passwords": packed}
