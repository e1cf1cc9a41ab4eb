#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: release_plan
short_description: Compare the artefacts that releases need with those already built
version_added: 0.1.0
description:
  - Computes on the controller, from the content of the source, which releases the catalogue asks for and of which artefacts they are made.
  - Tells which of them are in the controller's store in a form that runs on this host's platform, and which have to be built.
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes.info
  - cryptobot.native.releases
options:
  portable:
    description: Whether this host builds what is the same on every platform, too. True for one of several build hosts.
    type: bool
    default: true
  artefacts:
    description: Given by the action.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Compare wanted and built artefacts
  cryptobot.native.release_plan:
    catalogue: "{{ ansible_facts['cryptobot'] }}"
    source: "{{ cryptobot_source.path }}"
  register: plan
"""

RETURN = r"""
platform:
  description: Distribution, its version and architecture of this host.
  returned: always
  type: str
  sample: debian12-x86_64
finished:
  description: Names of those that lie finished on this host, from a run whose end nobody waited for.
  returned: always
  type: list
  elements: str
  sample: []
missing:
  description: Names of the artefacts that have to be built, or fetched where they are finished.
  returned: always
  type: list
  elements: str
  sample: [wheel-cryptobot-common-1f0c9a7be3d2]
kinds:
  description: The kinds of those that have to be built, by which the tools are chosen.
  returned: always
  type: list
  elements: str
  sample: [cargo, npm, wheel]
releases:
  description: Id and version of each wanted release, by service.
  returned: always
  type: dict
  sample: {auth: {id: 0a1b2c3d4e5f, version: 1.0.0}}
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptobot.native.plugins.module_utils.release.build import built_before
from ansible_collections.cryptobot.native.plugins.module_utils.release.errors import ReleaseError
from ansible_collections.cryptobot.native.plugins.module_utils.release.host import this_platform


def main() -> None:
    """Say what only the host knows; the rest is the action's."""
    module = AnsibleModule(
        argument_spec={
            "catalogue": {"type": "dict"},
            "source": {"type": "path"},
            "cache": {"type": "path"},
            "portable": {"type": "bool", "default": True},
            "artefacts": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(
            changed=False, platform=str(this_platform()), finished=built_before(module.params["artefacts"])
        )
    except ReleaseError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
