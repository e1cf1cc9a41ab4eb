#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: redis_server
short_description: Bring a Redis instance to its users and settings
version_added: 0.1.0
description:
  - Writes the access file (digests only) and compares the running instance's users and settings with the wanted ones.
  - Sets what differs while the instance runs; connections of users who keep their rights go on. Restarts only for settings that need it.
  - Makes an administrator with a password of its own, which never leaves the host.
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes
options:
  unit:
    description: Unit of the instance.
    type: str
    required: true
  socket:
    description: Path of its socket.
    type: path
    required: true
  port:
    description: Port of its door.
    type: int
    required: true
  acl_file:
    description: Its access file.
    type: path
    required: true
  settings:
    description: Wanted settings, values as a configuration file spells them. The file itself is placed by others.
    type: dict
    default: {}
  users:
    description: Users, each with C(name) and C(rules). Others are removed. One without a password can't come in.
    type: list
    elements: dict
    default: []
  passwords:
    description:
      - Lists of passwords by user, as JSON in Base64, so that no single value is matched against (and cut out of) other output.
      - A list holds the new one and the old one while clients change over.
    type: str
  administrator:
    description: Name of the administrator.
    type: str
    default: cryptobot-admin
  administrator_password_file:
    description: File with the administrator's password, made at the first run.
    type: path
    default: /etc/cryptobot/redis-admin.password
"""

EXAMPLES = r"""
- name: Bring the instance to its users
  cryptobot.native.redis_server:
    unit: redis-server@cryptobot.service
    socket: /run/redis-cryptobot/redis.sock
    port: 6379
    acl_file: /etc/redis/cryptobot.acl
    settings: {maxmemory: 512mb}
    users:
      - {name: auth, rules: ["~auth:*", "+@read"]}
    passwords: "{{ {'auth': [vaulted]} | to_json | b64encode }}"
"""

RETURN = r"""
changes:
  description: What was changed, or would be in check mode.
  returned: always
  type: list
  elements: str
  sample: ["redis user auth"]
restarted:
  description: Whether the instance was started or restarted, or would be.
  returned: always
  type: bool
  sample: false
plan:
  description:
    - The same as kind, target and action of each; one form for all modules.
    - C(unknown) says what of it can't be told ahead.
  returned: always
  type: list
  elements: dict
  sample: [{kind: redis, target: user auth, action: add}]
"""

import grp
import json
import os
import secrets
from dataclasses import asdict
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptobot.native.plugins.module_utils.redis import access
from ansible_collections.cryptobot.native.plugins.module_utils.redis import instance as redis_instance
from ansible_collections.cryptobot.native.plugins.module_utils.redis import settings as redis_settings
from ansible_collections.cryptobot.native.plugins.module_utils.changes import Change, as_diff, as_plan, summaries
from ansible_collections.cryptobot.native.plugins.module_utils.redis.client import Connection, RedisError
from ansible_collections.cryptobot.native.plugins.module_utils.secret_values import unpack
from ansible_collections.cryptobot.native.plugins.module_utils.state import DIRECTORY, StateRecord
from ansible_collections.cryptobot.native.plugins.module_utils.turn import take_turn

ARGUMENTS = {
    "unit": {"type": "str", "required": True},
    "socket": {"type": "path", "required": True},
    "port": {"type": "int", "required": True},
    "acl_file": {"type": "path", "required": True},
    "settings": {"type": "dict", "default": {}},
    "users": {"type": "list", "elements": "dict", "default": []},
    "passwords": {"type": "str", "no_log": True},
    "administrator": {"type": "str", "default": "cryptobot-admin"},
    "administrator_password_file": {"type": "path", "default": "/etc/cryptobot/redis-admin.password", "no_log": False},
}
ADMINISTRATOR_RULES = ("~*", "&*", "+@all")
START_SECONDS = 120


class Instance:
    """The instance's unit, files and server for one module call."""

    def __init__(self, module: AnsibleModule) -> None:
        self._module = module
        self._unit, self._acl = module.params["unit"], Path(module.params["acl_file"])
        self._password_file = Path(module.params["administrator_password_file"])
        # Check mode has none to read on a bare host; any other shows the same plan.
        self.password = self._read(self._password_file) or secrets.token_urlsafe(32)
        self.redis = redis_instance.Administrator(module.params["socket"], module.params["administrator"], self.password)
        self._seen = DIRECTORY / f"redis-{self._acl.name}.json"

    def text(self) -> str:
        """The wanted access file."""
        passwords = unpack(self._module.params["passwords"])
        users = [
            access.User(each["name"], tuple(each["rules"]), tuple(passwords.get(each["name"]) or ()))
            for each in self._module.params["users"]
        ]
        administrator = access.User(self._module.params["administrator"], ADMINISTRATOR_RULES, (self.password,))
        return access.file_text([administrator, *users])

    def gather(self) -> redis_instance.Found:
        running = self._systemctl("is-active") == 0
        known = {
            "running": running,
            "enabled": self._systemctl("is-enabled") == 0,
            "file": self._read(self._acl, strip=False),
            "seen": {name: access.Seen(**each) for name, each in json.loads(self._read(self._seen) or "{}").items()},
        }
        if not running:
            self._refuse_taken_port()
            return redis_instance.Found(**known)
        try:
            settings, users = self.redis.look()
        except RedisError:
            return redis_instance.Found(**known)
        return redis_instance.Found(reachable=True, settings=settings, users=users, **known)

    def files(self, planned: redis_instance.Plan) -> list[Change]:
        """Those that are written. What they hold, or held, is not to be known."""
        written = [self._acl] if planned.write_file else []
        written += [] if self._password_file.exists() else [self._password_file]
        hidden = {"type": "file", "sha256": None}
        return [Change("file", str(path), hidden if path.exists() else None, hidden) for path in written]

    def apply(self, planned: redis_instance.Plan, text: str) -> None:
        if not self._password_file.exists():
            self._write(self._password_file, f"{self.password}\n", 0o600)
        if planned.write_file:
            self._write(self._acl, text, 0o640, "redis")
        if planned.enable:
            self._must("enable")
        refused = self.redis.set_settings(planned.settings) if planned.settings else []
        if planned.users:
            (self.redis.set_passwords if planned.moving else self.redis.set_users)(planned.users, text)
        if planned.start or planned.restart or refused:
            self._must("start" if planned.start else "restart")
            self.redis.wait(START_SECONDS)

    def settle(self, wanted: dict[str, str], text: str) -> None:
        """Sees that what was wanted is in effect, and keeps how the server words its users."""
        settings, users = self.redis.look()
        wrong = redis_settings.differences(wanted, settings)
        moving = redis_instance.is_moving(users)
        missing = [] if moving else sorted({*access.lines(text)} ^ {*users})
        if wrong or missing:
            self._module.fail_json(
                msg=f"Redis does not use what was written: {', '.join(wrong + [f'user {name}' for name in missing])}. "
                f"See journalctl --unit {self._unit}, and whether /etc/redis/redis-cryptobot.conf holds another value."
            )
        if moving:
            return
        lines = access.lines(text)
        seen = {name: asdict(access.Seen.of(lines[name], users[name])) for name in lines}
        kept = json.dumps(seen, indent=1, sort_keys=True) + "\n"
        if self._read(self._seen, strip=False) != kept:
            self._write(self._seen, kept, 0o600)

    def _refuse_taken_port(self) -> None:
        port = self._module.params["port"]
        try:
            Connection(port=port, timeout=1).__exit__()
        except RedisError:
            return
        self._module.fail_json(
            msg=f"Port {port} of this host is taken by another program (ss --listening --processes 'sport = :{port}' names it), so "
            f"{self._unit} can't start. Stop that program, or give it another port; an older redis-server of this host is left as it was."
        )

    def _systemctl(self, verb: str) -> int:
        return self._module.run_command(["systemctl", verb, "--quiet", self._unit])[0]

    def _must(self, verb: str) -> None:
        if self._systemctl(verb):
            tail = self._module.run_command(["journalctl", "--no-pager", "--lines=15", "--output=cat", "--unit", self._unit])[1]
            self._module.fail_json(msg=f"systemctl {verb} {self._unit} failed. The unit's last words: {tail.strip()}")

    @staticmethod
    def _read(path: Path, strip: bool = True) -> str | None:
        try:
            text = path.read_text()
        except FileNotFoundError:
            return None
        return text.strip() if strip else text

    @staticmethod
    def _write(path: Path, text: str, mode: int, group: str = "root") -> None:
        """In one rename, and never readable by others in between."""
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        new = path.with_name(f".{path.name}.new")
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            os.fchown(descriptor, 0, grp.getgrnam(group).gr_gid)
            os.fchmod(descriptor, mode)
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        new.replace(path)


def main() -> None:
    """Gather, plan, and apply unless in check mode."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    take_turn(module, "redis_server")
    wanted = {name: str(value) for name, value in module.params["settings"].items()}
    try:
        instance = Instance(module)
        text = instance.text()
        found = instance.gather()
        if names := redis_settings.unknown(wanted, found.settings):
            module.fail_json(msg=f"This version of Redis has no setting {', '.join(names)}. Take it out of redis_settings.")
        planned = redis_instance.plan(module.params["unit"], wanted, text, found)
        files = instance.files(planned)
        if not module.check_mode:
            # Before they are made: of a run that is killed in between the record knows.
            new = [change for change in files if change.was is None]
            StateRecord().extend((change.kind, change.target, change.was, change.is_) for change in [*planned.changes, *new])
            instance.apply(planned, text)
            instance.settle(wanted, text)
    except (RedisError, ValueError) as error:
        module.fail_json(msg=f"{error}. What was set before stays, and the next run goes on from there.")
    module.exit_json(
        changed=planned.changed,
        restarted=planned.start or planned.restart,
        changes=summaries(planned.changes),
        plan=as_plan([*files, *planned.changes]),
        diff=as_diff(planned.changes, module.params["unit"]),
    )


if __name__ == "__main__":
    main()
