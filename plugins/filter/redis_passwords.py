# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Passwords of Redis users out of the deployment's secrets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.cryptobot.native.plugins.module_utils.secret_values import SecretError, pack, passwords

DOCUMENTATION = r"""
name: redis_passwords
author: Cryptobot Native contributors (@cryptobot)
version_added: 0.1.0
short_description: Passwords of the users of a Redis host
description: Picks the passwords of the users that are open, packed for M(cryptobot.native.redis_server).
positional: secrets
options:
  _input:
    description: What P(cryptobot.native.redis_layout#filter) returned.
    type: dict
    required: true
  secrets:
    description: Secrets by service.
    type: raw
    required: true
"""

EXAMPLES = r"""
- name: Bring the instance to its users
  cryptobot.native.redis_server:
    users: "{{ layout.users }}"
    passwords: "{{ layout | cryptobot.native.redis_passwords(cryptobot_secrets) }}"
"""

RETURN = r"""
_value:
  description: JSON in Base64.
  type: str
"""


def packed(layout: Mapping[str, Any], secrets: Any) -> str:
    """The passwords as the module takes them."""
    try:
        return pack({user["name"]: passwords(secrets, user["name"], "redis_password") for user in layout["users"] if user.get("open", True)})
    except SecretError as error:
        raise AnsibleFilterError(str(error)) from None


class FilterModule:
    """Filters on secrets of Redis."""

    def filters(self) -> dict[str, Callable]:
        return {"redis_passwords": packed}
