#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: release_switch
short_description: Make installed releases live, confirm them, or go back to the last that was healthy
version_added: 0.1.0
description:
  - Switches by one rename of a symbolic link a service, so that there is no moment without a live release.
  - Units notice by the digest of the release's note which they recorded at their start.
  - After a switch, old releases are removed but for the newest ones, the live one and the last that was seen healthy.
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes
options:
  services:
    description: Names of the services.
    type: list
    elements: str
    required: true
  state:
    description:
      - With V(live), what C(next) leads to goes live.
      - With V(confirmed), the live releases are noted as healthy; this counts as no change.
      - With V(previous), the release goes live that, beside the live one, was last noted as healthy.
    type: str
    choices: [live, confirmed, previous]
    default: live
  keep:
    description: How many releases of a service are kept. What is live, next or last healthy is never removed.
    type: int
    default: 3
  expected:
    description: The releases that will be live by then, by service; for check mode, where nothing is installed yet.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Make the installed releases live
  cryptobot.native.release_switch:
    services: [auth, trade]

- name: Go back to the last healthy releases
  cryptobot.native.release_switch:
    services: [trade]
    state: previous
"""

RETURN = r"""
switched:
  description: Was and is of every service whose live release changed or would change.
  returned: success
  type: dict
  sample: {auth: {was: 0a1b2c3d4e5f-cp311, is: 9f8e7d6c5b4a-cp311}}
removed:
  description: Directories of old and interrupted releases that were removed.
  returned: success
  type: list
  elements: str
ansible_facts:
  description: The links that lead to other releases than before, so that later steps know what their processes will have to read anew.
  returned: success
  type: dict
  contains:
    cryptobot_switched:
      description: Paths.
      type: list
      elements: str
      returned: success
      sample: [/opt/cryptobot/auth/current]
plan:
  description:
    - What is changed, or in check mode would be, as kind, target and action of each; one form for all modules.
    - C(unknown) says what of it can't be told ahead.
  returned: always
  type: list
  elements: dict
  sample: [{kind: link, target: /opt/cryptobot/auth/current, action: change}]
"""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptobot.native.plugins.module_utils.changes import Change, as_plan
from ansible_collections.cryptobot.native.plugins.module_utils.release.errors import ReleaseError, explain
from ansible_collections.cryptobot.native.plugins.module_utils.release.layout import (
    Installed,
    ServiceReleases,
    exclusive,
    last_proven,
    superfluous,
)
from ansible_collections.cryptobot.native.plugins.module_utils.state import StateRecord
from ansible_collections.cryptobot.native.plugins.module_utils.turn import take_turn


def target(releases: ServiceReleases, state: str, expected: str | None) -> str | None:
    """The release that should be live, by the wanted state."""
    live = releases.link("current")
    if state == "confirmed":
        return live
    if state == "previous":
        found = last_proven(releases.installed(), live)
        if found is None:
            raise ReleaseError(
                f"{releases.service}: no other release on this host was ever seen healthy, so there is none to go back to."
            )
        return found
    return expected or releases.link("next") or live


def leftovers(releases: ServiceReleases, live: str | None, keep: int) -> list[str]:
    """What may go once a release is live: old ones, and those whose installation was interrupted."""
    installed = releases.installed()
    known = {release.id for release in installed}
    if live and live not in known:  # in check mode it is not installed yet
        installed.append(Installed(live, time.time()))
    return superfluous(installed, [live], keep) + [release for release in releases.interrupted() if release != live]


def apply(
    here: Mapping[str, ServiceReleases], switched: Mapping[str, Mapping[str, Any]], removed: Mapping[str, list[str]]
) -> None:
    """Make the switches, then remove what is superfluous; record both."""
    record = StateRecord()
    for name, change in switched.items():
        here[name].switch(change["is"])
        record.append("symlink", str(here[name].home / "current"), change["was"], change["is"])
    for name, releases in removed.items():
        for release in releases:
            was = release if here[name].note(release) else None
            here[name].remove(release)
            record.append("release", str(here[name].path(release)), was, None)


def work(module: AnsibleModule) -> dict[str, Any]:
    """Plan all switches, and make them unless this is only a check."""
    params, state = module.params, module.params["state"]
    here = {name: ServiceReleases(name) for name in params["services"]}
    live = {name: releases.link("current") for name, releases in here.items()}
    expected = params["expected"] if module.check_mode else {}
    wanted = {name: target(releases, state, expected.get(name)) for name, releases in here.items()}
    switched = {name: {"was": live[name], "is": to} for name, to in wanted.items() if to and to != live[name]}
    removed = {
        name: leftovers(releases, wanted[name], params["keep"]) for name, releases in here.items() if state == "live"
    }
    if not module.check_mode:
        with exclusive():
            apply(here, switched, removed)
            for releases in here.values() if state == "confirmed" else ():
                releases.prove()
    gone = [str(here[name].path(release)) for name in sorted(removed) for release in removed[name]]
    links = {name: str(here[name].home / "current") for name in switched}
    return {
        "changed": bool(switched or gone),
        "ansible_facts": {"cryptobot_switched": list(links.values())},
        "switched": switched,
        "removed": gone,
        "plan": as_plan(
            [Change("link", links[name], change["was"], change["is"]) for name, change in switched.items()]
            + [Change("release", path, Path(path).name, None) for path in gone]
        ),
        "diff": {
            "before_header": "live releases",
            "after_header": "live releases",
            "before": "".join(f"{name} {change['was'] or '(none)'}\n" for name, change in sorted(switched.items()))
            + "".join(f"{path}\n" for path in gone),
            "after": "".join(f"{name} {change['is']}\n" for name, change in sorted(switched.items())),
        },
    }


def main() -> None:
    """Bring every service's live release to the wanted state."""
    module = AnsibleModule(
        argument_spec={
            "services": {"type": "list", "elements": "str", "required": True},
            "state": {"type": "str", "choices": ["live", "confirmed", "previous"], "default": "live"},
            "keep": {"type": "int", "default": 3},
            "expected": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    take_turn(module, "release_switch")
    os.umask(0o022)
    try:
        module.exit_json(**work(module))
    except ReleaseError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=str(explain(error, "switching releases")))


if __name__ == "__main__":
    main()
