#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: release_build
short_description: Build what releases are made of, each in a sandbox, side by side
version_added: 0.1.0
description:
  - Sends the source of the artefacts that a plan found missing in one transfer, builds them in sandboxes of systemd's, and fetches them into the
    controller's store.
  - Wheels of the application's own packages are built by uv, binaries by cargo with locked dependencies, static files by C(npm ci) and C(npm run build).
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes
  - cryptobot.native.releases
  - cryptobot.native.releases.host
options:
  plan:
    description: What M(cryptobot.native.release_plan) returned for this host.
    type: dict
  artefacts:
    description: Given by the action.
    type: list
    elements: dict
    default: []
  target:
    description: Given by the action.
    type: path
  node:
    description: Directory with C(node) and C(npm). Empty installs Node of a fixed version for the build alone.
    type: path
    default: ""
  workers:
    description: How many builds run at once. 0 is one a core.
    type: int
    default: 0
"""

EXAMPLES = r"""
- name: Build the missing artefacts
  cryptobot.native.release_build:
    catalogue: "{{ ansible_facts['cryptobot'] }}"
    source: "{{ cryptobot_source.path }}"
    plan: "{{ plan }}"
"""

RETURN = r"""
built:
  description: SHA-256 of every archive that was built, by artefact.
  returned: when something was built
  type: dict
  sample: {wheel-cryptobot-common-1f0c9a7be3d2: 3f2a…}
seconds:
  description: How long each took.
  returned: success
  type: dict
  sample: {wheel-cryptobot-common-1f0c9a7be3d2: 1.4}
failures:
  description: A sentence for each that could not be built; what could be is fetched all the same, so that it is not built again.
  returned: when something had to be built
  type: list
  elements: str
  sample: []
plan:
  description:
    - What is changed, or in check mode would be, as kind, target and action of each; one form for all modules.
    - C(unknown) says what of it can't be told ahead.
  returned: always
  type: list
  elements: dict
  sample: [{kind: artefact, target: wheel-cryptobot-common-1f0c9a7be3d2, action: add}]
"""

import os
import tempfile
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptobot.native.plugins.module_utils.changes import Change, as_plan
from ansible_collections.cryptobot.native.plugins.module_utils.release.build import Builder, built_before
from ansible_collections.cryptobot.native.plugins.module_utils.release.errors import ReleaseError, explain
from ansible_collections.cryptobot.native.plugins.module_utils.release.host import SOURCE_OPTIONS, hand_over, sources_of
from ansible_collections.cryptobot.native.plugins.module_utils.release.process import extract
from ansible_collections.cryptobot.native.plugins.module_utils.release.tools import NODE, UV, Tool, ensure, wanting
from ansible_collections.cryptobot.native.plugins.module_utils.state import StateRecord
from ansible_collections.cryptobot.native.plugins.module_utils.turn import take_turn

SPEC = {
    "catalogue": {"type": "dict"},
    "source": {"type": "path"},
    "cache": {"type": "path"},
    "plan": {"type": "dict"},
    "artefacts": {"type": "list", "elements": "dict", "default": []},
    "bundle": {"type": "path"},
    "target": {"type": "path"},
    "node": {"type": "path", "default": ""},
    "uv": {"type": "path", "default": ""},
    "workers": {"type": "int", "default": 0},
    **SOURCE_OPTIONS,
}


def needs(params: dict[str, Any]) -> list[Tool]:
    """The tools that the artefacts want which no run before has finished, and that no option names."""
    finished = built_before(artefact["name"] for artefact in params["artefacts"])
    kinds = {artefact["kind"] for artefact in params["artefacts"] if artefact["name"] not in finished}
    return [tool for kind, tool, own in (("wheel", UV, params["uv"]), ("npm", NODE, params["node"])) if kind in kinds and not own]


def changes(params: dict[str, Any]) -> list[Change]:
    """What building makes: the tools that are missing, and what the controller's store lacks."""
    made = [Change("artefact", artefact["name"], None, "built") for artefact in params["artefacts"]]
    return wanting(needs(params)) + made


def build(module: AnsibleModule) -> dict[str, object]:
    """Have the tools, build everything, and hand the archives over."""
    params, sources, record = module.params, sources_of(module.params), StateRecord()
    environment = sources.environment()

    def made(home: Path) -> None:
        record.append("directory", str(home), None, home.name)

    homes = {tool.name: ensure(tool, environment, made) for tool in needs(params)}
    tools = {
        "uv": params["uv"] or str(homes.get(UV.name, UV.home) / "bin/uv"),
        "node": params["node"] or str(homes.get(NODE.name, NODE.home) / "bin"),
    }
    with tempfile.TemporaryDirectory(dir=module.tmpdir) as unpacked:
        extract(Path(params["bundle"]), Path(unpacked), "unpacking the source")
        builder = Builder(environment, sources.cargo_config(), tools)
        seconds, failures = builder.build(params["artefacts"], Path(unpacked), params["workers"])
    built = {name: hand_over(builder.path(name), Path(params["target"])) for name in seconds}
    return {"built": built, "seconds": seconds, "failures": failures}


def main() -> None:
    """Build what the action sent."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    take_turn(module, "release_build")
    plan = as_plan(changes(module.params))
    if module.check_mode or not module.params["artefacts"]:
        module.exit_json(changed=bool(module.params["artefacts"]), built={}, seconds={}, plan=plan)
    os.umask(0o022)  # what is made is for services to read, however strict the administrator's own mask is
    try:
        module.exit_json(changed=True, plan=plan, **build(module))
    except ReleaseError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=str(explain(error, "building")))


if __name__ == "__main__":
    main()
