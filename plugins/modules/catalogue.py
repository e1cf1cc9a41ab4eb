# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action of the same name; nothing of it runs on a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: catalogue
short_description: Validates the catalogue and the inventory, and resolves them
version_added: 0.1.0
description:
  - Merges the shipped catalogue with the patches of the inventory, and checks it, the inventory, the options of all
    roles and the presence and shape of all secrets. It runs on the controller and connects to no host.
  - Fails with all findings at once. Each names the path, what is wrong, an example of what is right, and where it was
    set. No value of a secret is part of a message.
  - Gives the resolved catalogue as the fact C(cryptobot) to every host of the play.
options: {}
attributes:
  check_mode:
    description: Only reads, so that check mode makes no difference.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
  idempotent:
    description: Changes nothing, however often it runs.
    support: full
author:
  - Cryptobot Native contributors (@cryptobot)
"""

EXAMPLES = r"""
- name: Resolve the catalogue
  cryptobot.native.catalogue:
  run_once: true
"""

RETURN = r"""
ansible_facts:
  description: The fact.
  returned: when there is no finding
  type: dict
  contains:
    cryptobot:
      description: Hosts, datastores, services, routes, doors, start waves, and who set what.
      type: dict
      sample:
        environment: staging
        waves: [[auth, strategy], [trade]]
findings:
  description: Everything that is wrong.
  returned: failure
  type: list
  elements: dict
  sample:
    - path: services.auth.processes.web.port
      problem: port 8001 is already taken by services.data.processes.web.port
      example: a free one, such as 8007
      where: "group_vars/all/ports.yml:3 (cryptobot_services__ports)"
"""
