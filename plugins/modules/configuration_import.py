# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action of the same name; the part on the host is M(cryptobot.native.docker_source_info)."""

from __future__ import annotations

DOCUMENTATION = r"""
module: configuration_import
short_description: Take the configuration of a Compose project's containers into the inventory
version_added: 0.1.0
description:
  - "Goes over every variable of every container that the catalogue names: what is configuration goes into a file with a patch of the
    catalogue, with hosts, ports and paths rewritten; what is a secret (by name, by shape, or from a mounted file, as the keys that signed the
    tokens of users) goes into the vault; what follows from the catalogue is listed with its reason."
  - The values of the containers win over those in the vault; the vault as it was stays beside it, encrypted.
  - Nothing is written while something must be decided first.
  - Secrets are fetched over the connection as a 0600 file and never printed.
options:
  project:
    description: Name of the Compose project, as its label says.
    type: str
    required: true
  directory:
    description: Directory of the Compose files on the host; as the containers' labels say by default.
    type: path
  files:
    description: The Compose files, relative to O(directory); as the containers' labels say by default.
    type: list
    elements: str
    default: []
  accept:
    description: Decisions that have been made, as V(code) or V(code:object).
    type: list
    elements: str
    default: []
  path:
    description: The file with the patch, among the inventory's group variables on the controller.
    type: path
    required: true
  vault:
    description: The vault file; it is made when it is missing.
    type: path
    required: true
  password_file:
    description: File with the vault's password, readable by its owner alone; it is made when there is no vault yet.
    type: path
    required: true
attributes:
  check_mode:
    description: Says what would be written.
    support: full
  diff_mode:
    description: Shows the patch; secrets are never shown.
    support: partial
  idempotent:
    description: A second run changes nothing.
    support: full
author: Cryptobot Native contributors (@cryptobot)
"""

EXAMPLES = r"""
- name: Take over the configuration
  cryptobot.native.configuration_import:
    project: cryptobot
    path: inventory/group_vars/cryptobot/00-compose.yml
    vault: inventory/group_vars/cryptobot/vault.yml
    password_file: .vault-password
"""

RETURN = r"""
variables:
  description: Every variable of every container, with what becomes of it and why.
  returned: always
  type: list
  elements: dict
  sample:
    - service: auth
      process: web
      variable: STRATEGY_URL
      old: http://strategy-service:8000
      new: "{urls.strategy}"
      how: address
      reason: the internal door of strategy
secrets:
  description: Names of the vault's values that were added or replaced.
  returned: success
  type: dict
  sample: {cryptobot_secrets.auth.jwt_private: replaced}
findings:
  description: What must be decided, and what is worth knowing.
  returned: always
  type: list
  elements: dict
path:
  description: The file with the patch.
  returned: success
  type: str
"""
