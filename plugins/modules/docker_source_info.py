#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: docker_source_info
short_description: Describe a Compose project as it runs, beside its files
version_added: 0.1.0
description:
  - "Reads the containers of a Compose project, found by Compose's labels (v1 and v2), its volumes, networks and files: services, names of
    environment variables, mounts and volumes without a name, files in the containers' own layers, published ports, restart policies."
  - Compares the files with the containers, and lists what a migration must know of, each with its remedy.
  - "No value of an environment is returned: only names, and digests that are comparable within one result. What the host knows is fetched
    over the connection as a 0600 file, and read on the controller, so that hosts need no YAML library and nothing secret is printed."
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes.info
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
  also:
    description: Further files of the project to read. Set by the action itself.
    type: list
    elements: str
    default: []
  catalogue:
    description: The resolved catalogue. With it, what one of the two sides does not know of the other is found, too.
    type: dict
  accept:
    description: Decisions that have been made, as V(code) or V(code:object).
    type: list
    elements: str
    default: []
  bundle:
    description: Where what the host knows is left for the action. Set by the action itself.
    type: path
"""

EXAMPLES = r"""
- name: Look at the project to move
  cryptobot.native.docker_source_info:
    project: cryptobot
    catalogue: "{{ ansible_facts['cryptobot'] }}"
  register: source
"""

RETURN = r"""
source:
  description: The project.
  returned: success
  type: dict
  sample:
    project: cryptobot
    naming: v1
    services:
      auth-service:
        ports: [{address: 0.0.0.0, host_port: 8000, container_port: 8000, protocol: tcp}]
        environment: {LOG_LEVEL: {from: files, digest: 9f86d081884c7d65}}
findings:
  description: What a migration must know of; the gravest first.
  returned: success
  type: list
  elements: dict
  sample:
    - severity: blocking
      code: duplicate-port
      object: trade
      text: The services auth and trade both publish port 8000/tcp of the host.
      remedy: "Give one of them another port: '<free port>:8000'."
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.cryptobot.native.plugins.module_utils.docker.engine import DockerError, Engine
from ansible_collections.cryptobot.native.plugins.module_utils.docker.gather import bundle, write

ARGUMENTS: dict[str, Any] = {
    "project": {"type": "str", "required": True},
    "directory": {"type": "path"},
    "files": {"type": "list", "elements": "str", "default": []},
    "also": {"type": "list", "elements": "str", "default": []},
    "catalogue": {"type": "dict"},
    "accept": {"type": "list", "elements": "str", "default": []},
    "bundle": {"type": "path"},
}


def main() -> None:
    """Leave the bundle where the action fetches it; it is the action that reads it."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    given = module.params
    if not given["bundle"]:
        module.fail_json(
            msg="docker_source_info works through its action: call it as a task, cryptobot.native.docker_source_info."
        )
    try:
        content = bundle(Engine(), given["project"], given["directory"] or "", given["files"], given["also"])
        write(content, given["bundle"])
    except (DockerError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False)


if __name__ == "__main__":
    main()
