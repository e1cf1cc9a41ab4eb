# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Passwords of native services in databases of containers, out of the deployment's secrets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.cryptobot.native.plugins.module_utils.secret_values import SecretError, pack, passwords

DOCUMENTATION = r"""
name: guest_passwords
author: Cryptobot Native contributors (@cryptobot)
version_added: 0.1.0
short_description: Passwords of native services in a database of a container
description: Picks the passwords of services, packed by role for M(cryptobot.native.postgresql_guests).
positional: secrets
options:
  _input:
    description: Users as P(cryptobot.native.migration_guests#filter) gives them for a PostgreSQL database.
    type: list
    elements: dict
    required: true
  secrets:
    description: Secrets by service.
    type: raw
    required: true
"""

EXAMPLES = r"""
- name: Let the services into the container's database
  cryptobot.native.postgresql_guests:
    server: "{{ guests.server }}"
    database: "{{ guests.database }}"
    users: "{{ guests.users }}"
    passwords: "{{ guests.users | cryptobot.native.guest_passwords(cryptobot_secrets) }}"
"""

RETURN = r"""
_value:
  description: JSON in Base64; the empty string for nobody.
  type: str
"""


def packed(users: Iterable[Mapping[str, Any]], secrets: Any) -> str:
    """The passwords as the module takes them: the first of a rotating secret, for a role has one."""
    try:
        found = {each["role"]: passwords(secrets, each["service"], "postgresql_password") for each in users}
    except SecretError as error:
        raise AnsibleFilterError(str(error)) from None
    return pack({role: values[0] for role, values in found.items() if values})


class FilterModule:
    """Filters on secrets of guests."""

    def filters(self) -> dict[str, Callable]:
        return {"guest_passwords": packed}
