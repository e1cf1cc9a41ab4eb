#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: preflight_info
short_description: Look whether a host can carry its part of the platform
version_added: 0.1.0
description:
  - Reads cores, memory, disks, system, kernel, Python, clock, ports and who holds them, packages and services that are there
    already, and accounts under names that the platform needs.
  - Compares wanted and found versions of every external program.
  - Asks the package sources that the host's own tools are configured with, each for a bounded time.
  - Changes nothing, and never fails by what it finds. The playbook decides by RV(blocking).
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes.info
options:
  wanted:
    description: What the host must offer, as P(cryptobot.native.preflight_wishes#filter) gives it.
    type: dict
    required: true
  compose:
    description: Whether the inventory names a Compose project. Where it does not, a host whose record knows of one is not fit.
    type: bool
    default: true
  controller_time:
    description: Seconds since 1970 on the controller, to compare the clocks. V(0) compares nothing.
    type: float
    default: 0
  sources:
    description: Whether the package sources are asked.
    type: bool
    default: true
  source_timeout:
    description: Seconds for each source to answer. They are asked side by side.
    type: float
    default: 8
  apt_mirror:
    description: Mirror that takes the place of apt's own sources, as O(apt_proxy) its proxy.
    type: str
    default: ""
  apt_proxy:
    description: Proxy for apt.
    type: str
    default: ""
  python_index:
    description: Index for Python packages instead of the host's own. It may hold a password, which is never shown.
    type: str
    default: ""
  npm_registry:
    description: Registry for npm instead of the host's own.
    type: str
    default: ""
  cargo_index:
    description: Index for cargo instead of the host's own.
    type: str
    default: ""
  ca:
    description: File on the host with the certificates that these are trusted by.
    type: path
    default: ""
"""

EXAMPLES = r"""
- name: Look at the host
  cryptobot.native.preflight_info:
    wanted: "{{ ansible_facts['cryptobot'] | cryptobot.native.preflight_wishes(inventory_hostname) }}"
    compose: "{{ cryptobot_compose is defined }}"
    controller_time: "{{ '%s' | strftime }}"
  register: preflight

- name: Show what was found
  ansible.builtin.debug:
    msg: "{{ preflight | cryptobot.native.preflight_table }}"
"""

RETURN = r"""
blocking:
  description: Whether something must be mended before an installation.
  returned: always
  type: bool
  sample: false
findings:
  description: What was found, the worst first.
  returned: always
  type: list
  elements: dict
  sample:
    - severity: blocking
      code: port
      object: "80"
      text: Port 80, at which the entrance listens, is held by nginx (process 812, nginx.service).
      remedy: "Stop it (systemctl disable --now nginx.service), or set cryptobot_entrance: {port: …}."
      evidence: "0.0.0.0:80 nginx (process 812, nginx.service)"
host:
  description: What the host is.
  returned: always
  type: dict
  sample: {os: Debian GNU/Linux 12 (bookworm), kernel: 6.1.0-18-amd64, memory_mb: 8192, cores: 4}
dependencies:
  description: Every external program with its wanted, found and available version.
  returned: always
  type: list
  elements: dict
  sample: [{name: haproxy, wanted: 2.6 or newer, found: "", available: 2.6.12-1, needed_by: edge, state: to install}]
sources:
  description: Package sources and whether they answered.
  returned: always
  type: list
  elements: dict
  sample:
    - {kind: python, url: "https://pypi.org/simple", setting: "uv, pip: its own default", reached: true, seconds: 0.1, said: ""}
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptobot.native.plugins.module_utils.preflight.gather import Look

TEXT = {"type": "str", "default": ""}
SECRET_TEXT = {"type": "str", "default": "", "no_log": True}


def main() -> None:
    """Look, compare, return."""
    module = AnsibleModule(
        argument_spec={
            "wanted": {"type": "dict", "required": True},
            "compose": {"type": "bool", "default": True},
            "controller_time": {"type": "float", "default": 0},
            "sources": {"type": "bool", "default": True},
            "source_timeout": {"type": "float", "default": 8},
            "apt_mirror": TEXT,
            "apt_proxy": TEXT,
            "python_index": SECRET_TEXT,
            "npm_registry": SECRET_TEXT,
            "cargo_index": SECRET_TEXT,
            "ca": {"type": "path", "default": ""},
        },
        supports_check_mode=True,
    )
    look = Look(module.params, module.run_command)
    module.exit_json(changed=False, **look.result())


if __name__ == "__main__":
    main()
