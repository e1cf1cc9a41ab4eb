# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action of the same name; nothing of it runs on a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: project
short_description: Makes a new project on the controller
version_added: 0.1.0
description:
  - Writes configuration, inventory, variables and a vault with generated secrets into a directory, with a generated
    password file that only its owner can read. What exists is never written again.
  - At a terminal it asks what no answer says and what cannot be found out; elsewhere the defaults hold.
options:
  path:
    description: Directory of the project.
    type: path
    required: true
  answers:
    description:
      - YAML file with answers, any of C(host) or C(hosts) (by C(database), C(cache), C(app), C(edge), C(build)),
        C(user), C(environment) and C(source).
    type: path
attributes:
  check_mode:
    description: Says what it would write.
    support: full
  diff_mode:
    description: New files only, and some of them secret.
    support: none
  idempotent:
    description: A second run changes nothing.
    support: full
author:
  - Cryptobot Native contributors (@cryptobot)
"""

EXAMPLES = r"""
- name: Make the project
  cryptobot.native.project:
    path: ~/platform
    answers: ~/answers.yml
"""

RETURN = r"""
written:
  description: What was missing and is there now, relative to the project.
  returned: always
  type: list
  elements: str
  sample: [ansible.cfg, inventory/hosts.yml]
asked:
  description: What was asked at the terminal.
  returned: always
  type: list
  elements: str
  sample: [host]
project:
  description: The directory.
  returned: always
  type: str
  sample: /home/operator/platform
compose:
  description: The Compose file that was found in the source.
  returned: always
  type: str
  sample: /srv/application/docker-compose.yml
hosts:
  description: The hosts of the project, by name or address.
  returned: always
  type: list
  elements: str
  sample: [app1.example.com]
user:
  description: The user to log in as; empty for the one that runs Ansible.
  returned: always
  type: str
  sample: operator
next:
  description: The next command.
  returned: always
  type: str
  sample: cd /home/operator/platform && ansible-playbook site.yml
"""
