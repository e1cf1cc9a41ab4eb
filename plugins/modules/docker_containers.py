#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: docker_containers
short_description: Stop a Compose project's containers for good, and put them back exactly
version_added: 0.1.0
description:
  - Finds the containers by Compose's labels, so that projects of Compose v1 and v2 are treated alike.
  - V(stopped) first sets the restart policy of each to C(no), so that no restart of the engine revives one, then stops it within its own
    time. What each was is in the migration's journal before the first change, and afterwards when it began to run last, so that a
    later call sees also one that was started and stopped again in between.
  - V(still) changes nothing, and fails where a container runs or has run since this run stopped it.
  - V(unattended) turns the restart policy off alone, journaled in the same way, so that nobody but who asked for it stops and starts
    the container.
  - V(started) puts each back to what it was before, restart policy included, starts those that ran, and waits for their health.
  - No container is made or removed.
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes
  - cryptobot.native.journal
options:
  project:
    description: Name of the Compose project, as its label says.
    type: str
    required: true
  state:
    description:
      - V(stopped), V(still), V(unattended) or V(started).
      - V(forgotten) changes no container, and lets the journal forget what they were, after someone has put them back by hand.
    type: str
    choices: [stopped, still, unattended, started, forgotten]
    required: true
  services:
    description: Services whose containers are meant; all of the project by default.
    type: list
    elements: str
  without:
    description: Services that are left alone, for example those of databases.
    type: list
    elements: str
    default: []
  stop_timeout:
    description: Seconds that a container may take to stop before it is killed; its own setting by default.
    type: int
  health_timeout:
    description: Seconds within which a started container must be healthy.
    type: int
    default: 300
"""

EXAMPLES = r"""
- name: Stop what writes, and leave the servers of the data running
  cryptobot.native.docker_containers:
    project: cryptobot
    state: stopped
    without: [postgres, redis]
    run: "{{ run }}"

- name: Let Docker serve again
  cryptobot.native.docker_containers:
    project: cryptobot
    state: started
    run: "{{ run }}"
"""

RETURN = r"""
containers:
  description: The containers and what they are afterwards, or would be in check mode.
  returned: always
  type: list
  elements: dict
  sample: [{name: cryptobot_auth-service_1, service: auth-service, running: false, restart: "no", was: {running: true, restart: unless-stopped}}]
ran:
  description: Containers that run, or have run, since this run stopped them first. What was copied before is old.
  returned: always
  type: list
  elements: str
  sample: [cryptobot_auth-service_1]
changes:
  description: What was changed, or would be in check mode.
  returned: always
  type: list
  elements: str
  sample: [container cryptobot_auth-service_1]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.cryptobot.native.plugins.module_utils.changes import as_diff, summaries
from ansible_collections.cryptobot.native.plugins.module_utils.docker import writers
from ansible_collections.cryptobot.native.plugins.module_utils.docker.containers import Container
from ansible_collections.cryptobot.native.plugins.module_utils.docker.engine import DockerError, Engine
from ansible_collections.cryptobot.native.plugins.module_utils.migration import traces
from ansible_collections.cryptobot.native.plugins.module_utils.migration.journal import Journal
from ansible_collections.cryptobot.native.plugins.module_utils.migration.lock import Lock, LockHeld
from ansible_collections.cryptobot.native.plugins.module_utils.state import StateRecord

ARGUMENTS: dict[str, Any] = {
    "project": {"type": "str", "required": True},
    "state": {"type": "str", "required": True, "choices": ["stopped", "still", "unattended", "started", "forgotten"]},
    "services": {"type": "list", "elements": "str"},
    "without": {"type": "list", "elements": "str", "default": []},
    "run": {"type": "str", "required": True},
    "stop_timeout": {"type": "int"},
    "health_timeout": {"type": "int", "default": 300},
    "directory": {"type": "path", "default": "/var/lib/cryptobot-migration"},
}
STOPS = ("stopped", "still")
UNATTENDED = "unattended"


class Task:
    """One call: what is there, what is planned, and its carrying out."""

    def __init__(self, params: dict[str, Any], engine: Engine) -> None:
        self._params, self._engine = params, engine
        self._journal = Journal(params["directory"])
        self._kept = writers.kept(self._journal.lines(), params["project"])
        self._noted = writers.noted(self._journal.lines(), params["run"], params["project"])
        self._apart = writers.unattended(self._journal.lines(), params["run"], params["project"])
        self.ran: list[str] = []
        every = engine.containers(params["project"])
        if params["state"] in STOPS:
            self.containers = writers.chosen(every, params["services"], params["without"])
            self.changes = writers.plan_stop(self.containers)
            self.ran = writers.have_run(self.containers, self._noted, self._apart)
        elif params["state"] == UNATTENDED:
            self.containers = writers.chosen(every, params["services"], params["without"])
            self.changes = writers.plan_unattended(self.containers)
        else:
            wanted = {
                i for i, one in self._kept.items() if params["services"] is None or one.service in params["services"]
            }
            self._kept = {
                i: one for i, one in self._kept.items() if i in wanted and one.service not in params["without"]
            }
            self.containers = [one for one in every if one.id in self._kept]
            self.changes = [] if params["state"] == "forgotten" else writers.plan_start(every, self._kept, None)

    @property
    def changed(self) -> bool:
        if self._params["state"] in STOPS:
            return bool(self.changes) or (bool(self._noted) and not self.up_to_date)
        if self._params["state"] == UNATTENDED:
            return bool(self.changes)
        return bool(self.changes) or bool(self._kept)

    @property
    def up_to_date(self) -> bool:
        """Whether the journal has when each container began that this run stops, or what each was that is left unattended."""
        if self._params["state"] == UNATTENDED:
            return {one.id for one in self.containers} <= self._apart & set(self._kept)
        return self._params["state"] not in STOPS or self._noted[-1:] == [writers.began(self.containers)]

    @property
    def cut_off(self) -> bool:
        """Whether an earlier attempt did its work and was killed before it could say so."""
        return traces.cut_off(self._journal, self._params["run"], self._step)

    @property
    def _step(self) -> str:
        if self._params["state"] == UNATTENDED:
            return writers.UNATTEND
        return writers.STOP if self._params["state"] in STOPS else writers.START

    def apply(self) -> None:
        """Journal, change, verify; idle where there is nothing to do."""
        state, project = self._params["state"], self._params["project"]
        inputs = {"project": project, "containers": sorted(one.name for one in self.containers)}
        with Lock(self._params["directory"]).held(f"docker_containers {state}"):
            with self._journal.step(self._params["run"], self._step, inputs) as step:
                if state in ("stopped", UNATTENDED):
                    more = {"unattended": [one.id for one in self.containers]} if state == UNATTENDED else {}
                    step.progress({**writers.progress_was(project, self.containers, self._kept), **more})
                self._carry_out()
                if state == "stopped":
                    now = self._engine.inspect("container", [one.id for one in self.containers])
                    step.progress({"project": project, "began": writers.began(map(Container, now))})
                elif state != UNATTENDED:
                    step.progress({"project": project, "put_back": sorted(self._kept)})
                step.evidence = {"containers": [change.target for change in self.changes]}

    def refuse(self) -> None:
        """Raises :class:`DockerError` where a container has run since this run stopped it."""
        if running := self.ran or [one.name for one in self.containers if one.running]:
            raise DockerError(
                f"{', '.join(running)} was started after the run had stopped what writes, so what was copied is old. "
                "Leave the containers alone while the run goes on."
            )

    def _carry_out(self) -> None:
        work = writers.Writers(self._engine, self._params["stop_timeout"])
        record = StateRecord()
        record.extend([(change.kind, change.target, change.was, change.is_) for change in self.changes])
        work.apply(self.changes, self.containers)
        work.verify(self.changes)
        if self._params["state"] == "started":
            running = [one.id for one in self._kept.values() if one.running]
            work.wait_healthy(running, self._params["health_timeout"])

    def result(self) -> list[dict[str, Any]]:
        """What each container was and is, by the plan."""
        planned = {change.id: change.is_ for change in self.changes}
        return [self._one(one, planned.get(one.id)) for one in self.containers]

    def _one(self, container: Container, planned: dict[str, Any] | None) -> dict[str, Any]:
        was = self._kept.get(container.id) or writers.Kept.of(container)
        now = planned or {"running": container.running, "restart": container.restart_policy}
        old = {"running": was.running, "restart": was.policy}
        return {"name": container.name, "service": container.service, **now, "was": old}


def main() -> None:
    """Gather, plan, and apply unless in check mode."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        task = Task(module.params, Engine())
        if module.params["state"] == "still":
            task.refuse()
        elif (task.changed or task.cut_off or not task.up_to_date) and not module.check_mode:
            task.apply()
    except (DockerError, LockHeld, OSError) as error:
        module.fail_json(msg=str(error))
    diff = as_diff(task.changes, "containers")
    module.exit_json(
        changed=task.changed, containers=task.result(), ran=task.ran, changes=summaries(task.changes), diff=diff
    )


if __name__ == "__main__":
    main()
