#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: release_rollout
short_description: Make releases live by twins, gated by health, or go back to the ones before
version_added: 0.1.0
description:
  - Starts on the new release the instance of the other slot of each process with a door, while the proxy sends it nothing and
    what is live serves. When all are healthy, what has no door or may run once only restarts, and the route changes. The former
    instances end once the new ones have stayed healthy for O(watch) seconds.
  - Where one does not become or stay healthy, everything is as it was, and the task fails with what it said.
  - What a run that was killed left is taken back first, or ended where it had decided.
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes
options:
  services:
    description: Services of the resolved catalogue, as the host sees them; read are C(name), C(identifier), C(uses) and C(migration).
    type: list
    elements: dict
    required: true
  instances:
    description: Every instance on the host, by P(cryptobot.native.release_instances#filter).
    type: list
    elements: dict
    required: true
  datastores:
    description: The datastores of the resolved catalogue, for O(state=previous).
    type: dict
    default: {}
  state:
    description:
      - With V(live), the releases of O(expected) go live.
      - With V(previous), those go live that were last healthy before the live ones. Refused where one does not work with the
        schema as it is. The releases that are left no longer count as healthy, so that a way back never leads to them.
      - With V(withdrawn), no release is next.
    type: str
    choices: [live, previous, withdrawn]
    default: live
  expected:
    description: The releases that go live, by service; those that C(next) leads to, where one is not named.
    type: dict
    default: {}
  watch:
    description: Seconds for which the new instances are asked once they serve, before the former ones end.
    type: float
    default: 5
"""

EXAMPLES = r"""
- name: Make the next release live
  cryptobot.native.release_rollout:
    services: "{{ part | cryptobot.native.services_on(inventory_hostname) }}"
    instances: "{{ ansible_facts['cryptobot'] | cryptobot.native.release_instances(inventory_hostname) }}"
"""

RETURN = r"""
moved:
  description: Was and is of every service whose live release changed or would change.
  returned: success
  type: dict
  sample: {auth: {was: 0a1b2c3d4e5f-cp311, is: 9f8e7d6c5b4a-cp311}}
planned:
  description: In the order of its steps, what is done, or in check mode would be.
  returned: success
  type: list
  elements: str
  sample: [start cryptobot-auth-web@2.service on release 9f8e7d6c5b4a-cp311 beside cryptobot-auth-web@1.service]
recovered:
  description: Services of a run that was killed, which was taken back or ended first.
  returned: always
  type: list
  elements: str
  sample: []
served:
  description: Of a failure, whether the new releases answered requests before everything was as before.
  returned: failure
  type: bool
seconds:
  description: How long it took.
  returned: success
  type: float
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptobot.native.plugins.module_utils.database_migrations import Database, Markers, Migration
from ansible_collections.cryptobot.native.plugins.module_utils.launcher import probe
from ansible_collections.cryptobot.native.plugins.module_utils.release.database import databases_of
from ansible_collections.cryptobot.native.plugins.module_utils.release.errors import ReleaseError
from ansible_collections.cryptobot.native.plugins.module_utils.release.layout import ServiceReleases, exclusive, last_proven
from ansible_collections.cryptobot.native.plugins.module_utils.release.rollout import Instance, Move, Rollout, RolloutError
from ansible_collections.cryptobot.native.plugins.module_utils.release.schema import misfit, noted
from ansible_collections.cryptobot.native.plugins.module_utils.state import StateRecord
from ansible_collections.cryptobot.native.plugins.module_utils.units.edge import Edge, EdgeError
from ansible_collections.cryptobot.native.plugins.module_utils.units.run import read_slots, write_slots
from ansible_collections.cryptobot.native.plugins.module_utils.units.systemd import Systemd, SystemdError

OPTIONS: dict[str, dict[str, Any]] = {
    "services": {"type": "list", "elements": "dict", "required": True},
    "instances": {"type": "list", "elements": "dict", "required": True},
    "datastores": {"type": "dict", "default": {}},
    "state": {"type": "str", "choices": ["live", "previous", "withdrawn"], "default": "live"},
    "expected": {"type": "dict", "default": {}},
    "watch": {"type": "float", "default": 5},
}


def move_of(service: dict[str, Any], params: dict[str, Any]) -> Move:
    """Where a service goes to. Raises :class:`ReleaseError` where it cannot."""
    name = service["name"]
    releases = ServiceReleases(name)
    live = releases.link("current")
    if live is None:
        raise ReleaseError(f"{name}: nothing of it is live on this host yet. Install it first: ansible-playbook site.yml")
    if params["state"] == "live":
        return Move(name, live, str(params["expected"].get(name) or releases.link("next") or live))
    to = last_proven(releases.installed(), live)
    if to is None:
        raise ReleaseError(
            f"{name}: beside the live one ({live}) no release on this host was seen healthy, so there is none to go back to. "
            "Release the version that you want: "
            f"ansible-playbook cryptobot.native.release -e release_service={name} -e release_version=VERSION"
        )
    if service.get("migration"):
        notes = {each.id: noted(releases.path(each.id), releases.note(each.id)) for each in releases.installed()}
        databases = databases_of(service, params["datastores"])
        versions = sorted({one for each in databases for one in each.versions(service["identifier"])})
        if why := misfit(name, to, notes[to], versions, [note for note in notes.values() if note]):
            raise ReleaseError(why)
    return Move(name, live, to)


def remember(moves: list[Move], markers: Markers) -> None:
    """A way back migrates nothing, and nothing is to migrate for it: its release works with the schema as it is."""
    for move in moves:
        if noted_before := markers.read(move.service):
            databases = tuple(Database(name, who) for name, who in (noted_before.get("databases") or {}).items())
            markers.write(Migration(move.service, move.to, databases))


def withdraw(params: dict[str, Any], check: bool) -> bool:
    """Whether a release was next."""
    there = [path for each in params["services"] if (path := ServiceReleases(each["name"]).home / "next").is_symlink()]
    for path in there if not check else ():
        path.unlink()
    return bool(there)


def work(module: AnsibleModule, rollout: Rollout) -> dict[str, Any]:
    """Plan, and roll out unless this is only a check."""
    params, record = module.params, StateRecord()
    recovered = None if module.check_mode else rollout.recover()
    if recovered and recovered.settling:
        record.extend(rollout.changes(recovered))
        if recovered.forget:
            remember(list(recovered.moves), Markers())
    names = [move.service for move in recovered.moves] if recovered else []
    if params["state"] == "withdrawn":
        return {"changed": withdraw(params, module.check_mode), "moved": {}, "planned": [], "recovered": names}
    # A way back that a killed run had decided is ended now; another one would lead further back.
    ended = recovered is not None and recovered.settling and recovered.forget
    passed = names if ended and params["state"] == "previous" else []
    wanted = [each for each in params["services"] if each["name"] not in passed]
    moves = [move for move in (move_of(each, params) for each in wanted) if move.was != move.to]
    planned = rollout.plan(moves)
    if moves and not module.check_mode:
        record.extend(rollout.changes(rollout.run(moves, forget=params["state"] == "previous")))
        if params["state"] == "previous":
            remember(moves, Markers())
    return {
        "changed": bool(moves or recovered),
        "moved": {move.service: {"was": move.was, "is": move.to} for move in moves},
        "planned": planned,
        "recovered": names,
        "diff": {
            "before_header": "live releases",
            "after_header": "live releases",
            "before": "".join(f"{move.service} {move.was}\n" for move in moves),
            "after": "".join(f"{move.service} {move.to}\n" for move in moves),
            "prepared": "".join(f"{line}\n" for line in planned),
        },
    }


def main() -> None:
    """One rollout at a time on a host."""
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)
    begun, edge = time.monotonic(), Edge()
    instances = [Instance(**{**each, "backends": tuple(each["backends"])}) for each in module.params["instances"]]
    rollout = Rollout(instances, Systemd(), edge, probe.ask, read_slots, write_slots, module.params["watch"])
    try:
        if not edge.here and not module.check_mode:
            raise ReleaseError("The proxy does not run on this host. Start it: systemctl start cryptobot-edge; then run again.")
        if module.check_mode:
            result = work(module, rollout)
        else:
            with exclusive():
                result = work(module, rollout)
    except RolloutError as error:
        module.fail_json(msg=str(error), served=error.served, recovered=[])
    except (ReleaseError, SystemdError, EdgeError, OSError) as error:
        module.fail_json(msg=str(error), served=False, recovered=[])
    module.exit_json(seconds=round(time.monotonic() - begun, 1), **result)


if __name__ == "__main__":
    main()
