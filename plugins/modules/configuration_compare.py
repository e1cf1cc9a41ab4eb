#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: configuration_compare
short_description: Compare what native processes see with what their containers were given
version_added: 0.1.0
description:
  - "For every variable of every container of the Compose project: the value that the native process really has
    (C(/proc/<pid>/environ), the files of its credentials, its configuration file) equals the container's, or it is
    an intended change with a reason, or it is named."
  - A process that does not run yet is compared by the files that it will be started with.
  - No value is returned. The digests have a key that is thrown away, so they are comparable within one result only.
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes.info
options:
  project:
    description: Name of the Compose project, as its label says.
    type: str
    required: true
  changes:
    description:
      - "Further intended changes: by V(compose-service:VARIABLE), or by V(VARIABLE) for all services, the reason."
    type: dict
    default: {}
  accept:
    description: Answered decisions. With V(unknown-service:NAME) nothing of that service moves, its variables neither.
    type: list
    elements: str
    default: []
  fail:
    description: Whether a difference is a failure.
    type: bool
    default: true
  run:
    description:
      - Id of the run in the migration's journal. With it the comparison is a step there with its evidence.
    type: str
  step:
    description: The step of that run.
    type: str
    default: verify:configuration
  directory:
    description: Where the journal is.
    type: path
    default: /var/lib/cryptobot-migration
  processes:
    description: What the catalogue says of each process. Set by the action itself.
    type: list
    elements: dict
    default: []
  addresses:
    description: By Compose service and port the native address. Set by the action itself.
    type: dict
    default: {}
  datastores:
    description: The catalogue's datastores. Set by the action itself.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Compare the configuration of both sides
  cryptobot.native.configuration_compare:
    project: cryptobot
    changes: {"trade-service:LOG_LEVEL": "less is logged from now on"}
"""

RETURN = r"""
equal:
  description: Whether every variable is equal or an intended change.
  returned: always
  type: bool
counts:
  description: Variables by state; V(equal), V(rewritten), V(intended), V(differs), V(missing).
  returned: always
  type: dict
  sample: {equal: 120, rewritten: 31, intended: 24}
differences:
  description: Variables that are neither equal nor an intended change.
  returned: always
  type: list
  elements: dict
  sample:
    - {service: trade, process: web, variable: FEE, state: differs, reason: another value natively, seen: process}
variables:
  description: All of them.
  returned: always
  type: list
  elements: dict
evidence:
  description: File with the result, where O(run) is given.
  returned: when run is given
  type: str
"""

from collections import Counter
from dataclasses import asdict
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.cryptobot.native.plugins.module_utils.configuration.comparing import Comparison, Reader
from ansible_collections.cryptobot.native.plugins.module_utils.configuration.rules import Process
from ansible_collections.cryptobot.native.plugins.module_utils.configuration.translate import (
    Translator,
    moved_paths,
    servers,
    unpack,
)
from ansible_collections.cryptobot.native.plugins.module_utils.docker.engine import DockerError, Engine
from ansible_collections.cryptobot.native.plugins.module_utils.docker.gather import image_environment
from ansible_collections.cryptobot.native.plugins.module_utils.migration.journal import Journal

UNKNOWN = "unknown-service"
"""The finding that the catalogue names a container nowhere."""
ARGUMENTS: dict[str, Any] = {
    "project": {"type": "str", "required": True},
    "changes": {"type": "dict", "default": {}},
    "accept": {"type": "list", "elements": "str", "default": []},
    "fail": {"type": "bool", "default": True},
    "run": {"type": "str"},
    "step": {"type": "str", "default": "verify:configuration"},
    "directory": {"type": "path", "default": "/var/lib/cryptobot-migration"},
    "processes": {"type": "list", "elements": "dict", "default": []},
    "addresses": {"type": "dict", "default": {}},
    "datastores": {"type": "dict", "default": {}},
}


def compare(params: dict[str, Any], engine: Engine) -> Comparison:
    """Every process of the catalogue whose container is here."""
    comparison = Comparison(engine, params["changes"])
    reader, addresses = Reader(), unpack(params["addresses"])
    containers = engine.containers(params["project"])
    mounted = {mount.name for one in containers for mount in one.mounts if mount.name}
    volumes = {raw["Name"]: raw for raw in engine.inspect("volume", mounted)}
    processes = [Process(**{**options, "units": tuple(options["units"])}) for options in params["processes"]]
    for container in containers:
        of_image = image_environment(engine, container)
        translator = Translator(addresses, moved_paths(container, volumes, params["datastores"]))
        mine = [process for process in processes if process.docker == container.service]
        for process in mine:
            comparison.add(process, container, of_image, translator, list(reader.natives(process)))
        if not mine:
            left = bool({UNKNOWN, f"{UNKNOWN}:{container.service}"} & set(params["accept"]))
            comparison.add_other(container, servers(params["datastores"]), left)
    return comparison


class Differs(Exception):
    """A variable has another value natively; the text names every one."""


def outcome(params: dict[str, Any]) -> dict[str, Any]:
    """The result of one comparison."""
    comparison = compare(params, Engine())
    return {
        "changed": False,
        "equal": not comparison.differences,
        "counts": dict(Counter(line.state for line in comparison.lines)),
        "differences": [asdict(line) for line in comparison.differences],
        "variables": [asdict(line) for line in comparison.lines],
    }


def journaled(params: dict[str, Any], result: dict[str, Any]) -> None:
    """The comparison as a step of a run: the journal has its figures, a file beside it every variable."""
    journal, run = Journal(params["directory"]), params["run"]
    with journal.step(run, params["step"], {"project": params["project"]}) as step:
        result |= outcome(params)
        kept = journal.keep(run, params["step"], result)
        result["evidence"] = str(journal.directory / kept)
        step.evidence = {
            "equal": result["equal"],
            "variables": len(result["variables"]),
            "states": result["counts"],
            "file": kept,
        }
        if params["fail"] and not result["equal"]:
            raise Differs(refusal(result))


def refusal(result: dict[str, Any]) -> str:
    """What differs, and what to do."""
    said = "; ".join("{service}.{process} {variable}: {reason}".format(**line) for line in result["differences"])
    remedy = (
        "Set it in the inventory (import_configuration does), or name it among the intended changes: "
        "cryptobot_compose: {changes: …}."
    )
    return f"The native configuration is not the containers': {said}. {remedy}"


def main() -> None:
    """Compare; a difference is a failure that names every variable and no value."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    result: dict[str, Any] = {}
    try:
        if module.params["run"] and not module.check_mode:
            journaled(module.params, result)
        else:
            result = outcome(module.params)
            if module.params["fail"] and not result["equal"]:
                raise Differs(refusal(result))
    except Differs as error:
        module.fail_json(msg=str(error), **result)
    except (DockerError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
