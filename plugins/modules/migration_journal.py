#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: migration_journal
short_description: Begin, continue and end a migration and its steps
version_added: 0.1.0
description:
  - Keeps the journal of migrations on a host, by which a run that was cut off goes on where it stopped.
  - Between the first and the last call of a run the host belongs to the play. A second play is refused, unless the
    process that ran the first one is seen to be dead.
  - In check mode nothing is written; a run that would begin is called V(check).
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes
options:
  state:
    description:
      - V(open) takes the host and begins a run, or takes up the unfinished one.
      - V(anew) leaves the run for a new one, in which no step is finished.
      - V(begun), V(done) and V(failed) frame a step.
      - V(closed) ends the run and gives the host free; V(free) only gives the host free.
      - V(read) says what there is.
    type: str
    choices: [open, anew, begun, done, failed, closed, free, read]
    required: true
  operation:
    description: What the run is.
    type: str
    default: migrate
  inputs:
    description: What the run or the step depends on, without secrets. A step is done only for the same inputs.
    type: dict
    default: {}
  given:
    description:
      - Digests of what the data of the run depend on, by P(cryptobot.native.migration_given#filter). Once data have begun to move, the run goes on
        with the same alone.
    type: dict
    default: {}
  changed:
    description: Go on although O(given) is another one.
    type: bool
    default: false
  run:
    description: The run. Not for V(open) and V(read).
    type: str
  step:
    description: The step.
    type: str
  evidence:
    description: What the step or the run has proven, without secrets.
    type: dict
    default: {}
  outcome:
    description: How the run ended.
    type: str
    default: done
  error:
    description: Why the step failed.
    type: str
    default: ""
  takeover:
    description: Take the host from another play, whether that is alive or not.
    type: bool
    default: false
  controller:
    description: The play's own process. Set by the action of the same name.
    type: dict
    default: {}
  dead:
    description: An owner of the host that was seen to be dead. Set by the action of the same name.
    type: str
    default: ""
  directory:
    description: Where the journal is.
    type: path
    default: /var/lib/cryptobot-migration
"""

EXAMPLES = r"""
- name: Begin or go on
  cryptobot.native.migration_journal:
    state: open
  register: migration

- name: Begin a step
  cryptobot.native.migration_journal:
    state: begun
    run: "{{ migration.run }}"
    step: stop
"""

RETURN = r"""
run:
  description: The run.
  returned: when there is one
  type: str
  sample: 20260102T030405
resumed:
  description: Whether it had been begun before.
  returned: O(state=open)
  type: bool
opened:
  description: The migration by which the native side writes; empty where Docker has all data.
  returned: O(state=open)
  type: str
superseded:
  description: Whether what earlier runs have left on the native side is known to be old.
  returned: O(state=open)
  type: bool
copied:
  description: Migration groups, or V(all), of which a run has brought data into its place on the native side.
  returned: O(state=read)
  type: list
  elements: str
finished:
  description:
    - Whether the step is done with these inputs already; then it was not begun again.
    - For O(state=open), the finished steps.
  returned: O(state=begun), O(state=open)
  type: raw
evidence:
  description: Evidence of the finished step.
  returned: O(state=begun)
  type: dict
at:
  description: When the host was asked, in seconds of its clock; two in a row tell what a call takes.
  returned: O(state=read)
  type: float
following:
  description: The migration groups of which either side's data follow the other's, since a cutover.
  returned: O(state=read)
  type: list
  elements: str
way:
  description: How the group of O(inputs) has last gone to the native side, V(migrate) or V(cut_over).
  returned: O(state=read)
  type: str
runs:
  description: All runs, oldest first.
  returned: O(state=read)
  type: list
  elements: dict
owner:
  description: The play that the host belongs to.
  returned: O(state=read), and where the host belongs to another play
  type: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptobot.native.plugins.module_utils.migration import lock
from ansible_collections.cryptobot.native.plugins.module_utils.migration.calls import Calls
from ansible_collections.cryptobot.native.plugins.module_utils.migration.journal import JournalError
from ansible_collections.cryptobot.native.plugins.module_utils.migration.runs import RunRefused

STATES = ("open", "anew", "begun", "done", "failed", "closed", "free", "read")
ARGUMENTS: dict[str, Any] = {
    "state": {"type": "str", "choices": list(STATES), "required": True},
    "operation": {"type": "str", "default": "migrate"},
    "inputs": {"type": "dict", "default": {}},
    "given": {"type": "dict", "default": {}},
    "changed": {"type": "bool", "default": False},
    "run": {"type": "str"},
    "step": {"type": "str"},
    "evidence": {"type": "dict", "default": {}},
    "outcome": {"type": "str", "default": "done"},
    "error": {"type": "str", "default": ""},
    "takeover": {"type": "bool", "default": False},
    "directory": {"type": "path", "default": "/var/lib/cryptobot-migration"},
    "controller": {"type": "dict", "default": {}},
    "dead": {"type": "str", "default": ""},
}
REQUIRED = [("state", state, ("run", "step")) for state in ("begun", "done", "failed")]


def main() -> None:
    """Do the one call."""
    module = AnsibleModule(
        argument_spec=ARGUMENTS,
        supports_check_mode=True,
        required_if=[*REQUIRED, ("state", "closed", ("run",)), ("state", "anew", ("run",))],
    )
    try:
        module.exit_json(**Calls(module.params, module.check_mode).do())
    except lock.LockHeld as error:
        module.fail_json(msg=str(error), owner=error.holder)
    except RunRefused as error:
        module.fail_json(msg=str(error))
    except JournalError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=f"The folder {module.params['directory']} of the journal cannot be used: {error}")


if __name__ == "__main__":
    main()
