# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action of the same name; nothing of it runs on a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vault_secrets
short_description: Completes a vault with generated secrets
version_added: 0.1.0
description:
  - Generates a value for each secret that the inventory's services need and the vault has not, and encrypts the vault
    again. A value that is there is never changed. No value is printed or passed to another program.
options:
  path:
    description: The vault file; it is made when it is missing.
    type: path
    required: true
  password_file:
    description: File with the vault's password, readable by its owner alone; it is made when there is no vault yet.
    type: path
    required: true
attributes:
  check_mode:
    description: Says which secrets are missing.
    support: full
  diff_mode:
    description: Secrets are never shown.
    support: none
  idempotent:
    description: A second run changes nothing.
    support: full
author:
  - Cryptobot Native contributors (@cryptobot)
"""

EXAMPLES = r"""
- name: Generate what is missing
  cryptobot.native.vault_secrets:
    path: inventory/group_vars/cryptobot/vault.yml
    password_file: .vault-password
"""

RETURN = r"""
added:
  description: Names of the secrets that were missing.
  returned: always
  type: list
  elements: str
  sample: [cryptobot_secrets.auth.redis_password]
"""
