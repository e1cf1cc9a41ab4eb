#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: service_health
short_description: Wait until many targets are healthy, and say what each one answered
version_added: 0.1.0
description:
  - Asks all targets at once, with growing pauses, until each is healthy or the deadline passed.
  - Healthy is the expected status and, where given, a JSON document that has what is expected. An open port that answers 500,
    a 404 on the health path, a redirect to a login page and a process that exited with 0 are not healthy.
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes.info
options:
  targets:
    description: What to ask. Each has exactly one of C(url), C(tcp), C(unit), C(celery) and C(command).
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name in the result and in messages.
        type: str
        required: true
      url:
        description: HTTP or HTTPS address; redirects are not followed.
        type: str
      expect:
        description: What the JSON document must have; keys that it has beside these do not matter.
        type: raw
      status:
        description: The HTTP status that is healthy.
        type: int
        default: 200
      headers:
        description: Headers of the request.
        type: dict
        default: {}
      tcp:
        description: host:port that must accept a connection.
        type: str
      unit:
        description: systemd unit whose process must be running.
        type: str
      celery:
        description: The worker's own command; that worker is sent a ping.
        type: list
        elements: str
      command:
        description: Command that must exit with 0.
        type: list
        elements: str
      environment:
        description: Environment of O(targets[].command) and O(targets[].celery). Empty, the module's own.
        type: dict
        default: {}
      timeout:
        description: Seconds for one question.
        type: float
        default: 3
  deadline:
    description: Seconds for the whole. 0 asks each target once.
    type: float
    default: 60
  fail:
    description: Whether an unhealthy target fails the task. Otherwise the result says so.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Wait until the services are healthy
  cryptobot.native.service_health:
    targets:
      - {name: auth, url: "http://127.0.0.1:8000/health/ready", expect: {status: ok}}
      - {name: redis, tcp: "127.0.0.1:6379"}
      - {name: edge, unit: cryptobot-edge.service}
    deadline: 90
"""

RETURN = r"""
healthy:
  description: Whether all are.
  returned: always
  type: bool
  sample: true
answers:
  description: What was seen of each target, in the given order.
  returned: always
  type: list
  elements: dict
  sample:
    - {name: auth, healthy: true, saw: "200 {\"status\":\"ok\"}", attempts: 2, seconds: 0.31}
"""

from dataclasses import asdict
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptobot.native.plugins.module_utils.health import Target, TargetError, sentence, wait_for_all

TARGET: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "url": {"type": "str"},
    "expect": {"type": "raw"},
    "status": {"type": "int", "default": 200},
    "headers": {"type": "dict", "default": {}},
    "tcp": {"type": "str"},
    "unit": {"type": "str"},
    "celery": {"type": "list", "elements": "str"},
    "command": {"type": "list", "elements": "str"},
    "environment": {"type": "dict", "default": {}},
    "timeout": {"type": "float", "default": 3},
}


def target(given: dict[str, Any]) -> Target:
    pairs = {key: tuple((name, str(value)) for name, value in (given[key] or {}).items()) for key in ("headers", "environment")}
    words = {key: tuple(given[key] or ()) for key in ("celery", "command")}
    return Target(**{**given, **pairs, **words})


def main() -> None:
    """Ask, and say what was seen."""
    module = AnsibleModule(
        argument_spec={
            "targets": {"type": "list", "elements": "dict", "required": True, "options": TARGET},
            "deadline": {"type": "float", "default": 60},
            "fail": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    deadline = module.params["deadline"]
    try:
        answers = wait_for_all([target(given) for given in module.params["targets"]], deadline)
    except (TargetError, ValueError) as error:
        module.fail_json(msg=str(error))
    result = {"healthy": all(answer.healthy for answer in answers), "answers": [asdict(answer) for answer in answers]}
    if module.params["fail"] and not result["healthy"]:
        module.fail_json(msg=sentence(answers, deadline), **result)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
