#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: release_install
short_description: Install releases side by side with what is live
version_added: 0.1.0
description:
  - Installs the wanted release of every service of this host that lacks it, and leads C(next) there. What is live is not touched.
  - A Python release is an environment of its own with locked packages, checked by hash, and the application's own wheels, checked by content.
  - A release is complete when its C(release.json) is on disk. One that was interrupted is removed and installed anew.
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes
  - cryptobot.native.releases
  - cryptobot.native.releases.host
options:
  releases:
    description: Given by the action.
    type: list
    elements: dict
    default: []
  installer:
    description: What makes Python environments. V(pip) is slower and needs nothing that Debian does not have.
    type: str
    choices: [uv, pip]
    default: uv
  workers:
    description: How many releases are installed at once. 0 is one a core.
    type: int
    default: 0
"""

EXAMPLES = r"""
- name: Install the wanted releases
  cryptobot.native.release_install:
    catalogue: "{{ ansible_facts['cryptobot'] }}"
    source: "{{ cryptobot_source.path }}"
"""

RETURN = r"""
releases:
  description: The wanted release of each service, the live one, and whether the wanted one was or would be installed.
  returned: success
  type: dict
  sample: {auth: {wanted: 0a1b2c3d4e5f-cp311, live: null, installed: true}}
ansible_facts:
  description: Which release of each service is about to be live.
  returned: success
  type: dict
  contains:
    cryptobot_releases:
      description: Release ids by service.
      type: dict
      returned: success
      sample: {auth: 0a1b2c3d4e5f-cp311}
missing:
  description: Services whose wanted release was not installed.
  returned: success
  type: list
  elements: str
seconds:
  description: How long each took.
  returned: success
  type: dict
  sample: {auth: 0.8}
plan:
  description:
    - What is changed, or in check mode would be, as kind, target and action of each; one form for all modules.
    - C(unknown) says what of it can't be told ahead.
  returned: always
  type: list
  elements: dict
  sample: [{kind: release, target: /opt/cryptobot/auth/releases/0a1b2c3d4e5f-cp311, action: add, unknown: its files come out of builds and locked packages}]
"""

import os
import tempfile
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptobot.native.plugins.module_utils.release.errors import ReleaseError, explain
from ansible_collections.cryptobot.native.plugins.module_utils.release.host import (
    SOURCE_OPTIONS,
    read_json,
    sources_of,
    this_platform,
)
from ansible_collections.cryptobot.native.plugins.module_utils.changes import as_plan
from ansible_collections.cryptobot.native.plugins.module_utils.release.install import (
    Installer,
    Options,
    Wanted,
    wanted_releases,
)
from ansible_collections.cryptobot.native.plugins.module_utils.release.layout import ROOT, ServiceReleases, exclusive
from ansible_collections.cryptobot.native.plugins.module_utils.release.process import extract
from ansible_collections.cryptobot.native.plugins.module_utils.state import StateRecord
from ansible_collections.cryptobot.native.plugins.module_utils.turn import take_turn

SPEC = {
    "catalogue": {"type": "dict"},
    "source": {"type": "path"},
    "cache": {"type": "path"},
    "releases": {"type": "list", "elements": "dict", "default": []},
    "bundle": {"type": "path"},
    "installer": {"type": "str", "choices": ["uv", "pip"], "default": "uv"},
    "uv": {"type": "path", "default": ""},
    "workers": {"type": "int", "default": 0},
    **SOURCE_OPTIONS,
}


def unpack_and_install(module: AnsibleModule, installer: Installer, missing: list[Wanted]) -> dict[str, float]:
    """Install the missing releases from the bundle; it lies on the releases' own file system, so nothing is copied twice."""
    with exclusive(), tempfile.TemporaryDirectory(prefix=".incoming-", dir=ROOT) as directory:
        unpacked = Path(directory)
        extract(Path(module.params["bundle"]), unpacked, "unpacking the releases")
        return installer.install(missing, unpacked, read_json(unpacked / "checksums.json"))


def work(module: AnsibleModule) -> dict[str, object]:
    """Plan, and install where a bundle came; without one, only what needs none is done."""
    params = module.params
    options = Options(
        params["installer"],
        Path(params["uv"]) if params["uv"] else None,
        sources_of(params).environment(),
        params["workers"],
    )
    installer = Installer(options, StateRecord().append)
    wanted = wanted_releases(params["releases"])
    missing = installer.missing(wanted)
    plan = as_plan(installer.changes(missing))
    here = {release.service: ServiceReleases(release.service) for release in wanted}
    live = {name: releases.link("current") for name, releases in here.items()}
    unready = [r for r in wanted if here[r.service].link("next") != (None if live[r.service] == r.id else r.id)]
    seconds: dict[str, float] = {}
    ready = not module.check_mode and (not missing or bool(params["bundle"]))
    if ready:
        seconds = unpack_and_install(module, installer, missing) if missing else {}
        for release in unready:
            here[release.service].prepare(release.id)
    return {
        "changed": bool(missing or unready) if ready or module.check_mode else False,
        "platform": str(this_platform()),
        "plan": plan,
        "missing": [release.service for release in missing],
        "releases": {r.service: {"wanted": r.id, "live": live[r.service], "installed": r in missing} for r in wanted},
        "seconds": seconds,
        "diff": {
            "before_header": "releases installed",
            "after_header": "releases installed",
            "before": "".join(f"{name} {live[name] or '(none)'}\n" for name in sorted(live)),
            "after": "".join(
                f"{r.service} {r.id if r in missing or r in unready else live[r.service]}\n" for r in wanted
            ),
        },
    }


def main() -> None:
    """Install what the action sent, or say what is missing."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    take_turn(module, "release_install")
    os.umask(0o022)  # what is made is for services to read, however strict the administrator's own mask is
    try:
        module.exit_json(**work(module))
    except ReleaseError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=str(explain(error, "installing releases")))


if __name__ == "__main__":
    main()
