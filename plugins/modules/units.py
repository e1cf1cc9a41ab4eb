#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: units
short_description: Bring all units of a host to their state, in waves gated by health
version_added: 0.1.0
description:
  - Starts what is not running, restarts what runs with another configuration than the one on disk, stops and removes what the catalogue no longer has.
  - What is on disk is compared with the digests that each unit recorded at its start, so that no handler is needed and a play killed in between heals.
  - A unit counts as started when it says that it is healthy; the launcher before each program sees to that.
  - A program that binds its own port is restarted by its second instance, which takes over at the proxy before the first one stops.
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes
options:
  units:
    description: The wanted units, both slots of each process.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name with its suffix.
        type: str
        required: true
      process:
        description: Key of the process in the file of live slots.
        type: str
        required: true
      slot:
        description: Which of the two slots the unit belongs to.
        type: str
        choices: [a, b]
        default: a
      instance:
        description: Number of the instance.
        type: int
        default: 1
      wave:
        description: Units of a lower wave are healthy before those of a higher one start.
        type: int
        default: 0
      own_socket:
        description: Whether the program binds its own port.
        type: bool
        default: false
      exclusive:
        description: Whether two instances must never run at once.
        type: bool
        default: false
      files:
        description: Files that the unit reads at its start.
        type: list
        elements: path
        default: []
      reload_files:
        description: Those of O(units[].files) that it reads again at a reload.
        type: list
        elements: path
        default: []
      server:
        description: Its name in the proxy's backends.
        type: str
        default: ""
      backends:
        description: The proxy's backends that have it.
        type: list
        elements: str
        default: []
      drain_seconds:
        description: How long its requests may take to end.
        type: float
        default: 20
      start_timeout:
        description: How long its start may take, in seconds, once what comes before it is healthy.
        type: float
        default: 90
      directories:
        description: Directories that systemd makes for it at its start.
        type: list
        elements: path
        default: []
      side:
        description:
          - Which side its service is on. With V(native) and V(standby) the unit is started and kept, with the others it is
            neither started nor stopped.
        type: str
        choices: [docker, none, standby, native]
        default: native
  compose:
    description:
      - Whether a Docker Compose project is given in the inventory. Without one nothing is done on a host whose record of
        sides says that something is not native.
    type: bool
    default: false
  stop_away:
    description: Whether running units whose service is not on the native side are stopped.
    type: bool
    default: false
  target:
    description: The target of them all, enabled and started at the end. Empty, none.
    type: str
    default: ""
  watched:
    description: Further units of which a changed file demands a reload of the manager.
    type: list
    elements: str
    default: []
  prune:
    description: Whether O(units) are all processes of the host, so that other units of the collection's are stopped and removed.
    type: bool
    default: false
  changed_paths:
    description: What this play changed or, in check mode, will change.
    type: list
    elements: path
    default: []
  parallel:
    description: How many units restart at once.
    type: int
    default: 2
"""

EXAMPLES = r"""
- name: Start everything in waves
  cryptobot.native.units:
    units:
      - name: cryptobot-auth-web@1.service
        process: auth-web
        files: [/etc/systemd/system/cryptobot-auth-web@1.service, /etc/cryptobot/auth.json]
"""

RETURN = r"""
units:
  description: What became of each unit that was started, restarted or waited for.
  returned: always
  type: list
  elements: dict
  sample:
    - unit: cryptobot-auth-web@1.service
      action: start
      healthy: true
      saw: "active (running), healthy: 200 {\"status\":\"ok\"}"
      seconds: 2.1
      why: it is not running
      journal: []
planned:
  description: In the order of its steps, what is done, or in check mode would be.
  returned: always
  type: list
  elements: str
  sample: ["start cryptobot-auth-web@1.service: it is not running"]
interrupted:
  description: Running units that this stops, restarts or replaces, or in check mode would.
  returned: always
  type: list
  elements: str
  sample: [cryptobot-auth-web@1.service]
slots:
  description: The live slot of each process.
  returned: always
  type: dict
  sample: {auth-web: a}
plan:
  description:
    - What is changed, or in check mode would be, as kind, target and action of each; one form for all modules.
    - C(unknown) says what of it can't be told ahead.
  returned: always
  type: list
  elements: dict
  sample: [{kind: unit, target: "cryptobot-auth-web@1.service", action: restart}]
"""

import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptobot.native.plugins.module_utils.changes import Change, as_plan
from ansible_collections.cryptobot.native.plugins.module_utils.migration.sides import SidesError, undeclared
from ansible_collections.cryptobot.native.plugins.module_utils.state import StateRecord
from ansible_collections.cryptobot.native.plugins.module_utils.turn import take_turn
from ansible_collections.cryptobot.native.plugins.module_utils.units.edge import Edge, EdgeError
from ansible_collections.cryptobot.native.plugins.module_utils.units.plan import Found, Plan, Wanted, after, changes, directories, plan
from ansible_collections.cryptobot.native.plugins.module_utils.units.run import Outcome, Runner, read_slots
from ansible_collections.cryptobot.native.plugins.module_utils.units.systemd import Systemd, SystemdError, orphans

UNIT: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "process": {"type": "str", "required": True},
    "slot": {"type": "str", "choices": ["a", "b"], "default": "a"},
    "instance": {"type": "int", "default": 1},
    "wave": {"type": "int", "default": 0},
    "own_socket": {"type": "bool", "default": False},
    "exclusive": {"type": "bool", "default": False},
    "files": {"type": "list", "elements": "path", "default": []},
    "reload_files": {"type": "list", "elements": "path", "default": []},
    "server": {"type": "str", "default": ""},
    "backends": {"type": "list", "elements": "str", "default": []},
    "drain_seconds": {"type": "float", "default": 20},
    "start_timeout": {"type": "float", "default": 90},
    "directories": {"type": "list", "elements": "path", "default": []},
    "side": {"type": "str", "choices": ["docker", "none", "standby", "native"], "default": "native"},
}
OPTIONS: dict[str, dict[str, Any]] = {
    "units": {"type": "list", "elements": "dict", "required": True, "options": UNIT},
    "compose": {"type": "bool", "default": False},
    "stop_away": {"type": "bool", "default": False},
    "target": {"type": "str", "default": ""},
    "watched": {"type": "list", "elements": "str", "default": []},
    "prune": {"type": "bool", "default": False},
    "changed_paths": {"type": "list", "elements": "path", "default": []},
    "parallel": {"type": "int", "default": 2},
}


def wanted_from(params: list[dict[str, Any]], target: str) -> list[Wanted]:
    """The given units, and their target as the last one."""
    wanted = [Wanted(**{key: tuple(value) if isinstance(value, list) else value for key, value in unit.items()}) for unit in params]
    last = max((unit.wave for unit in wanted), default=0) + 1
    return [*wanted, Wanted(target, process="", wave=last)] if target else wanted


def lines(plan_: Plan) -> list[str]:
    said = ["reload the service manager's configuration"] if plan_.reload else []
    said += [f"stop {step.unit.name}: {step.why}" for step in plan_.stop]
    said += [f"remove {name}: the catalogue does not have it" for name in plan_.remove]
    said += [f"disable {name}" for name in plan_.disable] + [f"enable {name}" for name in plan_.enable]
    for step in plan_.steps:
        if step.action == "swap" and step.instead_of:
            said.append(f"start {step.unit.name} in the place of {step.instead_of.name}: {step.why}")
        else:
            said.append(f"{step.action} {step.unit.name}: {step.why}")
    return said


def complaint(failed: list[Outcome], reached: int, total: int) -> str:
    """The sentence for the units that did not come up, with what each had to say."""
    parts = [f"{len(failed)} of {total} units did not become healthy; {total - reached} later ones were left as they are."]
    for one in failed:
        parts.append(f"{one.unit}: {one.saw}")
        parts.extend(f"    {line}" for line in one.journal)
    parts.append(f"See journalctl -u {failed[0].unit}, mend the cause, and run the play again: it goes on where it stopped.")
    return "\n".join(parts)


def record(changes: dict[str, dict[str, object] | None], found: dict[str, Found]) -> None:
    StateRecord().extend([("unit", name, found.get(name, Found()).summary, is_) for name, is_ in changes.items()])


def main() -> None:
    """Gather, plan, and apply unless in check mode."""
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)
    take_turn(module, "units")
    params = module.params
    wanted = wanted_from(params["units"], params["target"])
    systemd, slots = Systemd(), read_slots()
    lost = orphans({unit.name for unit in wanted}) if params["prune"] else []
    try:
        if not params["compose"] and (why := undeclared()):
            module.fail_json(msg=why)
        found = systemd.found(dict.fromkeys([*lost, *params["watched"]], ()) | {unit.name: unit.files for unit in wanted})
        planned = plan(wanted, found, slots, params["changed_paths"], lost, params["parallel"], params["stop_away"])
        before = {name: state.summary for name, state in found.items()}
        now = after(planned, wanted, found)
        made = [Change("directory", path, None, "made at the start") for path in directories(planned) if not os.path.lexists(path)]
        listed = as_plan([*made, *changes(planned, found, now)])
        result: dict[str, Any] = {"changed": planned.changed, "planned": lines(planned), "plan": listed, "slots": planned.slots, "units": []}
        result["interrupted"] = planned.interrupted
        result["slots"].pop("", None)
        if module._diff:
            result["diff"] = {
                "before": "".join(f"{name}: {before.get(name)}\n" for name in now),
                "after": "".join(f"{name}: {state}\n" for name, state in now.items()),
                "prepared": "".join(f"{line}\n" for line in result["planned"]),
            }
        if not module.check_mode:
            record(now, found)
            runner = Runner(systemd, Edge())
            runner.run(planned, slots)
            result["units"] = [one.as_dict() for one in runner.outcomes]
            if runner.failed:
                module.fail_json(msg=complaint(runner.failed, len(runner.outcomes), len(planned.steps)), **result)
    except SidesError as error:
        module.fail_json(msg=str(error))
    except (SystemdError, EdgeError) as error:
        module.fail_json(msg=f"{error}. See journalctl --unit 'cryptobot-*', mend the cause, and run the play again: it goes on where it stopped.")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
