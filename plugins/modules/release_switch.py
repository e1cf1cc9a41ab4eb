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
  description: Directories of old releases that were removed.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptobot.native.plugins.module_utils.release.errors import ReleaseError, explain
from ansible_collections.cryptobot.native.plugins.module_utils.release.layout import ServiceReleases, exclusive, last_proven
from ansible_collections.cryptobot.native.plugins.module_utils.state import StateRecord


def target(releases: ServiceReleases, state: str, expected: str | None) -> str | None:
    """The release that should be live, by the wanted state."""
    live = releases.link("current")
    if state == "confirmed":
        return live
    if state == "previous":
        found = last_proven(releases.installed(), live)
        if found is None:
            raise ReleaseError(f"{releases.service}: no other release on this host was ever seen healthy, so there is none to go back to.")
        return found
    return expected or releases.link("next") or live


def apply(here: dict[str, ServiceReleases], switched: dict[str, dict], state: str, keep: int) -> list[str]:
    """Make the switches, record them, and return what was removed."""
    record, removed = StateRecord(), []
    for name, change in switched.items():
        here[name].switch(change["is"])
        record.append("symlink", str(here[name].home / "current"), change["was"], change["is"])
    for releases in here.values():
        if state == "confirmed":
            releases.prove()
        elif state == "live":
            for old in releases.superfluous(keep) + releases.interrupted():
                was = old if releases.note(old) else None
                releases.remove(old)
                record.append("release", str(releases.path(old)), was, None)
                removed.append(str(releases.path(old)))
    return removed


def work(module: AnsibleModule) -> dict[str, object]:
    """Plan all switches, and make them unless this is only a check."""
    params = module.params
    here = {name: ServiceReleases(name) for name in params["services"]}
    wanted = {name: target(releases, params["state"], params["expected"].get(name) if module.check_mode else None) for name, releases in here.items()}
    switched = {name: {"was": here[name].link("current"), "is": to} for name, to in wanted.items() if to and to != here[name].link("current")}
    removed: list[str] = []
    if not module.check_mode:
        with exclusive():
            removed = apply(here, switched, params["state"], params["keep"])
    return {
        "changed": bool(switched or removed),
        "switched": switched,
        "removed": removed,
        "diff": {
            "before_header": "live releases",
            "after_header": "live releases",
            "before": "".join(f"{name} {change['was'] or '(none)'}\n" for name, change in sorted(switched.items())),
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
    try:
        module.exit_json(**work(module))
    except ReleaseError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=str(explain(error, "switching releases")))


if __name__ == "__main__":
    main()
