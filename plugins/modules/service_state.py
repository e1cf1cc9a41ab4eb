#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: service_state
short_description: Keep a packaged unit on and using the files that are on disk
version_added: 0.1.0
description:
  - Starts and enables a unit, and restarts or reloads it when a file it reads differs from what it has read, whenever that happened.
  - In check mode it works for a unit whose package is only predicted.
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes
options:
  unit:
    description: The unit.
    type: str
    required: true
  files:
    description: Files that it reads when it starts, its own unit file and drop-ins included where we place them.
    type: list
    elements: path
    default: []
  reload_files:
    description: Files that it reads again when it is told to reload.
    type: list
    elements: path
    default: []
  changed_paths:
    description: Files that were changed just now, or would be in check mode.
    type: list
    elements: path
    default: []
  boot:
    description: Whether it is to be started at boot. V(false) leaves that as it is.
    type: bool
    default: true
  unless_active:
    description: Units of which any that runs makes this one needless.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Let the journal follow its limits
  cryptobot.native.service_state:
    unit: systemd-journald.service
    files: [/etc/systemd/journald.conf.d/90-cryptobot.conf]
    boot: false
"""

RETURN = r"""
changes:
  description: What was changed, or would be in check mode.
  returned: always
  type: list
  elements: str
  sample: ["unit systemd-journald.service"]
plan:
  description:
    - The same as kind, target and action of each; one form for all modules.
    - C(unknown) says what of it can't be told ahead.
  returned: always
  type: list
  elements: dict
  sample: [{kind: unit, target: systemd-journald.service, action: restart}]
"""

import json
import time

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptobot.native.plugins.module_utils import service_state
from ansible_collections.cryptobot.native.plugins.module_utils.changes import apply, as_diff, as_plan, summaries
from ansible_collections.cryptobot.native.plugins.module_utils.state import StateRecord
from ansible_collections.cryptobot.native.plugins.module_utils.turn import take_turn

PROPERTIES = "ActiveState,UnitFileState,NeedDaemonReload,ActiveEnterTimestampMonotonic"
ARGUMENTS = {
    "unit": {"type": "str", "required": True},
    "files": {"type": "list", "elements": "path", "default": []},
    "reload_files": {"type": "list", "elements": "path", "default": []},
    "changed_paths": {"type": "list", "elements": "path", "default": []},
    "boot": {"type": "bool", "default": True},
    "unless_active": {"type": "list", "elements": "str", "default": []},
}


def gather(module: AnsibleModule, wanted: service_state.Wanted) -> service_state.Found:
    """The unit as systemd has it; one that does not exist yet is off."""
    shown = service_state.parse(module.run_command(["systemctl", "show", f"--property={PROPERTIES}", wanted.unit])[1])
    # Monotonic time is asked because the wall clock's form depends on the locale.
    started = time.time() - time.monotonic() + int(shown.get("ActiveEnterTimestampMonotonic") or 0) / 1e6
    loaded = read(wanted.unit)
    return service_state.Found(
        active=shown.get("ActiveState") in ("active", "reloading"),
        enabled=shown.get("UnitFileState", "").startswith(("enabled", "static", "alias", "indirect")),
        needs_daemon_reload=shown.get("NeedDaemonReload") == "yes",
        stale={verb: service_state.is_stale(files, loaded.get(verb), started) for verb, files in wanted.by_verb.items()},
    )


def read(unit: str) -> dict[str, str]:
    """What was written down of what the unit has read."""
    try:
        return json.loads((service_state.LOADED / unit).read_text())
    except FileNotFoundError:
        return {}


def remember(wanted: service_state.Wanted) -> None:
    """Writes down what the unit has read."""
    service_state.LOADED.mkdir(mode=0o755, exist_ok=True)
    digests = {verb: service_state.digest(files) for verb, files in wanted.by_verb.items() if files}
    (service_state.LOADED / wanted.unit).write_text(json.dumps(digests) + "\n")


def main() -> None:
    """Gather, plan, and apply unless in check mode."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    take_turn(module, "service_state")
    params = module.params
    if any(module.run_command(["systemctl", "is-active", "--quiet", each])[0] == 0 for each in params["unless_active"]):
        module.exit_json(changed=False, changes=[], plan=[])
    wanted = service_state.Wanted(params["unit"], params["boot"], tuple(params["files"]), tuple(params["reload_files"]))
    changes = service_state.plan(wanted, gather(module, wanted), params["changed_paths"] if module.check_mode else ())
    if not module.check_mode:
        apply(changes, lambda command: module.run_command(list(command), check_rc=True), StateRecord())
        if wanted.files or wanted.reload_files:
            remember(wanted)
    module.exit_json(changed=bool(changes), changes=summaries(changes), plan=as_plan(changes), diff=as_diff(changes, wanted.unit))


if __name__ == "__main__":
    main()
