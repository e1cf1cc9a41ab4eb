#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: uninstall
short_description: Put a host back by its record of state
version_added: 0.1.0
description:
  - Replays the host's record of state backwards. Units stop first; then databases, files, directories, kernel settings, accounts and packages
    go back to what they were before the collection's first change. Nothing that the record does not name is touched.
  - A file that somebody has changed since is named and left; so is a package that something else needs by now.
  - What is already as it was is passed over, so that a run that was cut short is gone on with by the next one.
  - Refuses a host that takes part in a migration as long as its record of sides names a native side, or ports of containers are adopted.
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes
options:
  service:
    description: The one service that goes, with its units, settings, secrets, releases and account. Datastores are shared, so what it has there stays.
    type: str
    default: ""
  role:
    description: The one role whose work is undone. What other roles record serves several of them and goes with all.
    type: str
    choices: ["", edge, pgbouncer, postgresql, redis]
    default: ""
  data:
    description:
      - With V(kept) stay databases, directories of data, logs, and the accounts that own these.
      - With V(removed) they go for good.
    type: str
    choices: [kept, removed]
    default: kept
  compose:
    description: Whether the inventory names a Compose project.
    type: bool
    default: false
  lock_timeout:
    description: Seconds to wait for another installation of packages.
    type: int
    default: 300
"""

EXAMPLES = r"""
- name: Put the host back, and keep the data
  cryptobot.native.uninstall:

- name: Take one service off
  cryptobot.native.uninstall:
    service: strategy
"""

RETURN = r"""
changes:
  description: What was undone, or would be in check mode, in this order.
  returned: success
  type: list
  elements: str
  sample: ["unit cryptobot-edge.service", "file /etc/cryptobot/edge.cfg", "package haproxy"]
removed:
  description: How many things of each kind went.
  returned: success
  type: dict
  sample: {file: 48, package: 40}
stopped:
  description: Units that were stopped and are not started at boot any more.
  returned: success
  type: list
  elements: str
  sample: [cryptobot-edge.service]
put_back:
  description: What is again as it was before.
  returned: success
  type: list
  elements: str
  sample: ["file /etc/postgresql/15/main/pg_hba.conf"]
left:
  description: What stays, each with the reason.
  returned: success
  type: list
  elements: dict
  sample: [{title: directory /var/lib/redis/cryptobot, why: data}]
"""

from collections import Counter
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.cryptobot.native.plugins.module_utils.changes import as_diff, summaries
from ansible_collections.cryptobot.native.plugins.module_utils.packages import PackagesError
from ansible_collections.cryptobot.native.plugins.module_utils.state import StateRecord
from ansible_collections.cryptobot.native.plugins.module_utils.undo.apply import carry_out
from ansible_collections.cryptobot.native.plugins.module_utils.undo.gather import UndoError, gather
from ansible_collections.cryptobot.native.plugins.module_utils.undo.model import Plan
from ansible_collections.cryptobot.native.plugins.module_utils.undo.plan import Planner
from ansible_collections.cryptobot.native.plugins.module_utils.undo.record import ROLES, fold, refusal, services, within
from ansible_collections.cryptobot.native.plugins.module_utils.undo.sides import obstacle

ARGUMENTS: dict[str, Any] = {
    "service": {"type": "str", "default": ""},
    "role": {"type": "str", "choices": ["", *ROLES], "default": ""},
    "data": {"type": "str", "choices": ["kept", "removed"], "default": "kept"},
    "compose": {"type": "bool", "default": False},
    "lock_timeout": {"type": "int", "default": 300},
}


def planned(params: dict[str, Any], record: StateRecord) -> Plan:
    """What is to be undone. Raises UndoError where it must not be."""
    if not (lines := record.lines()):
        return Plan()
    if why := obstacle(params["compose"]):
        raise UndoError(why)
    entries = fold(lines)
    service, role = params["service"], params["role"]
    if service and role:
        raise UndoError("A service and a role were named at once. Name one of them, or neither for all.")
    if why := refusal(service, services(entries), services_once(lines)):
        raise UndoError(why)
    chosen = within(entries, service, role)
    return Planner(chosen, gather(chosen, service, role), params["data"] == "kept", not (service or role)).make()


def services_once(lines: list[dict[str, Any]]) -> list[str]:
    """The services that the record has ever known: what was undone is no mistake."""
    return services(fold({**line, "was": None, "is": ""} for line in lines))


def report(plan: Plan) -> dict[str, Any]:
    """What the module returns of a plan."""
    changes = [step.change for step in plan.ordered]
    return {
        "changed": bool(changes),
        "changes": summaries(changes),
        "removed": dict(sorted(Counter(change.kind for change in changes if change.is_ is None).items())),
        "stopped": [step.change.target for step in plan.ordered if step.operation == "stop"],
        "put_back": [
            step.change.title
            for step in plan.ordered
            if step.change.is_ is not None and step.operation not in ("stop", "uninstall")
        ],
        "left": [{"title": each.title, "why": each.why} for each in plan.left],
        "diff": as_diff(changes, "as it is, and as it was before the platform"),
    }


def main() -> None:
    """Gather, plan, and apply unless in check mode."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    record = StateRecord()
    try:
        plan = planned(module.params, record)
        if not module.check_mode:
            plan.left += carry_out(plan, record, module.params["lock_timeout"])
    except (UndoError, PackagesError) as error:
        module.fail_json(msg=f"{error} What was undone before stays so, and the next run goes on from there.")
    module.exit_json(**report(plan))


if __name__ == "__main__":
    main()
