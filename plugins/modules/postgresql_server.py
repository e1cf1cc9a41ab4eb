#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: postgresql_server
short_description: Bring the running PostgreSQL server to the configuration on disk
version_added: 0.1.0
description:
  - Starts the cluster, and compares what it uses with what is wanted, whatever happened since the files were written.
  - Reloads for what a reload brings; restarts only when a setting differs that needs it.
  - Files that the server would refuse are named before anything is reloaded; a value that does not take effect is named with the place that wins.
  - Keeps the cluster's system identifier in the host's record of state at its first sight.
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes
options:
  unit:
    description: Unit of the cluster.
    type: str
    required: true
  socket:
    description: Directory of the server's socket.
    type: path
    default: /run/postgresql
  port:
    description: Port, which is part of the socket's name. The one the cluster has now.
    type: int
    default: 5432
  settings:
    description: Wanted settings, values as a configuration file spells them.
    type: dict
    default: {}
  changed_paths:
    description: Files that were changed just now, or would be in check mode.
    type: list
    elements: path
    default: []
"""

EXAMPLES = r"""
- name: Bring the server to its configuration
  cryptobot.native.postgresql_server:
    unit: postgresql@15-main.service
    settings: {wal_level: logical}
"""

RETURN = r"""
changes:
  description: What was changed, or would be in check mode.
  returned: always
  type: list
  elements: str
  sample: ["unit postgresql@15-main.service"]
restarted:
  description: Whether the server was started or restarted, or would be.
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
  sample: [{kind: unit, target: postgresql@15-main.service, action: reload}]
"""

import os
import time

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptobot.native.plugins.module_utils.postgresql import cluster as postgresql_cluster
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql import settings as postgresql_settings
from ansible_collections.cryptobot.native.plugins.module_utils.changes import as_diff, as_plan, summaries
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.client import PostgresqlError, Server
from ansible_collections.cryptobot.native.plugins.module_utils.state import StateRecord
from ansible_collections.cryptobot.native.plugins.module_utils.turn import take_turn

SETTINGS = "SELECT name, setting, unit, vartype, context, coalesce(sourcefile || ' line ' || sourceline, source) FROM pg_settings"
# A setting that waits for a restart is marked as not applied in the view; that is no error of the file.
ERRORS = """
SELECT sourcefile, sourceline, name || ': ' || error FROM pg_file_settings
WHERE error IS NOT NULL AND error <> 'setting could not be applied'
UNION ALL SELECT current_setting('hba_file'), line_number, error FROM pg_hba_file_rules WHERE error IS NOT NULL
UNION ALL SELECT current_setting('ident_file'), line_number, error FROM pg_ident_file_mappings WHERE error IS NOT NULL"""
FILES = """
SELECT DISTINCT sourcefile FROM pg_file_settings
UNION SELECT current_setting('hba_file') UNION SELECT current_setting('ident_file')"""


class Control:
    """The cluster's unit and its server."""

    def __init__(self, module: AnsibleModule) -> None:
        self._module = module
        self._unit = module.params["unit"]
        self.server = Server(module.params["socket"], module.params["port"], looks=module.check_mode)

    def systemctl(self, *words: str) -> int:
        return self._module.run_command(["systemctl", *words])[0]

    def must(self, verb: str, unit: str) -> None:
        if self.systemctl(verb, unit):
            tail = self._module.run_command(["journalctl", "--no-pager", "--lines=15", "--output=cat", "--unit", unit])[1]
            self._module.fail_json(msg=f"systemctl {verb} {unit} failed. The unit's last words: {tail.strip()}")

    def gather(self) -> postgresql_settings.Found:
        enabled = self.systemctl("is-enabled", "--quiet", postgresql_settings.BOOT_UNIT) == 0
        if self.systemctl("is-active", "--quiet", self._unit):
            return postgresql_settings.Found(enabled=enabled)
        with self.server.cursor() as cursor:
            cursor.execute(SETTINGS)
            live = {name: postgresql_settings.Live(*row) for name, *row in cursor.fetchall()}
            cursor.execute(ERRORS)
            errors = tuple(f"{path} line {line}: {said}" for path, line, said in cursor.fetchall())
            cursor.execute("SELECT extract(epoch FROM pg_conf_load_time())")
            ((loaded,),) = cursor.fetchall()
            cursor.execute(FILES)
            files = [path for (path,) in cursor.fetchall() if path and os.path.exists(path)]
        newer = any(os.stat(path).st_ctime > float(loaded) for path in files)
        return postgresql_settings.Found(True, enabled, newer, errors, live)

    def apply(self, planned: postgresql_settings.Plan) -> None:
        if planned.enable:
            self.must("enable", postgresql_settings.BOOT_UNIT)
        if planned.start or planned.restart:
            self.must("restart" if planned.restart else "start", self._unit)
        elif planned.reload:
            with self.server.cursor() as cursor:
                cursor.execute("SELECT pg_reload_conf()")

    def settled(self, wanted: dict[str, str], seconds: float = 5) -> postgresql_settings.Found:
        """What the server uses once it has taken the wanted values, or after ``seconds``: a reload is asynchronous."""
        deadline = time.monotonic() + seconds
        while True:
            found = self.gather()
            if not postgresql_settings.differences(wanted, found.live) or time.monotonic() > deadline:
                return found
            time.sleep(0.1)

    def record_identity(self, record: StateRecord) -> None:
        if postgresql_cluster.recorded(record.lines()) is not None:
            return
        with self.server.cursor() as cursor:
            cursor.execute(
                "SELECT current_setting('server_version_num')::int / 10000, current_setting('data_directory'), "
                "(SELECT system_identifier::text FROM pg_control_system())"
            )
            ((version, directory, identifier),) = cursor.fetchall()
        record.append("postgresql", "cluster", None, {"version": version, "directory": directory, "identifier": identifier})


def run(module: AnsibleModule) -> postgresql_settings.Plan:
    """Plan, apply unless in check mode, and see that the wanted values are in effect."""
    wanted = {name: str(value) for name, value in module.params["settings"].items()}
    control = Control(module)
    found = control.gather()
    refused = [*found.errors, *(f"{name}: no such setting" for name in postgresql_settings.unknown(wanted, found.live) if found.live)]
    if refused:
        module.fail_json(
            msg=f"PostgreSQL would refuse its new configuration, so it was not told to read it: {'; '.join(refused)}. "
            "Mend the named lines, then run again."
        )
    predicted = module.params["changed_paths"] if module.check_mode else []
    planned = postgresql_settings.plan(wanted, found, module.params["unit"], predicted)
    if module.check_mode:
        return planned
    record = StateRecord()
    record.extend((change.kind, change.target, change.was, change.is_) for change in planned.changes)
    control.apply(planned)
    if planned.changed:
        found = control.settled(wanted)
    if said := postgresql_settings.explain(wanted, found.live):
        module.fail_json(msg=said)
    control.record_identity(record)
    return planned


def main() -> None:
    """Run and report."""
    module = AnsibleModule(
        argument_spec={
            "unit": {"type": "str", "required": True},
            "socket": {"type": "path", "default": "/run/postgresql"},
            "port": {"type": "int", "default": 5432},
            "settings": {"type": "dict", "default": {}},
            "changed_paths": {"type": "list", "elements": "path", "default": []},
        },
        supports_check_mode=True,
    )
    take_turn(module, "postgresql_server")
    try:
        planned = run(module)
    except PostgresqlError as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=planned.changed,
        restarted=planned.restart or planned.start,
        changes=summaries(planned.changes),
        plan=as_plan(planned.changes),
        diff=as_diff(planned.changes, module.params["unit"]),
    )


if __name__ == "__main__":
    main()
