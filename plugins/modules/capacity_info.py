#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: capacity_info
short_description: Tell the memory and the cores that a host really has
version_added: 0.1.0
description:
  - Reads the memory and the cores of the machine, or of the container around it where that has less.
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes.info
options: {}
"""

EXAMPLES = r"""
- name: Ask the host for its memory
  cryptobot.native.capacity_info:
  register: capacity
"""

RETURN = r"""
memory_mb:
  description: Memory in MB.
  returned: always
  type: int
  sample: 8192
cores:
  description: Cores.
  returned: always
  type: int
  sample: 4
"""

from dataclasses import asdict

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptobot.native.plugins.module_utils.capacity import capacity


def main() -> None:
    """Read and return."""
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    module.exit_json(changed=False, **asdict(capacity()))


if __name__ == "__main__":
    main()
