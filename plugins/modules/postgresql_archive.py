#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: postgresql_archive
short_description: Save databases to an archive that proves itself, and restore them
version_added: 0.1.0
description:
  - Saves each database by C(pg_dump) in the directory format, and the roles, together with what each table held at that
    instant. The archive is whole when its C(manifest.json), which is written last, is there.
  - Restores into a fresh database, compares what arrived with what was saved, and only then renames it into place. What
    was there is kept under C(<name>__replaced).
  - Refuses an archive that is empty, cut off or changed before anything is touched.
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes
  - cryptobot.native.journal
options:
  state:
    description: V(saved), V(checked) (reads the archive only) or V(restored).
    type: str
    choices: [saved, checked, restored]
    required: true
  server:
    description: The server, as C(container), C(local), or C(host), C(port), C(user) and C(password_file).
    type: dict
  databases:
    description: The databases, each with C(datastore) and C(source), its name on the server.
    type: list
    elements: dict
    default: []
  archive:
    description: Directory of the archive.
    type: path
    required: true
  jobs:
    description: Parallel connections.
    type: int
    default: 2
"""

EXAMPLES = r"""
- name: Save a database
  cryptobot.native.postgresql_archive:
    state: saved
    server: {container: {project: cryptobot, service: postgres}}
    databases: [{datastore: auth, source: auth_db}]
    archive: /var/lib/cryptobot-migration/backup/20260102T030405/postgresql-postgres
    run: 20260102T030405
"""

RETURN = r"""
manifest:
  description: SHA-256 of the archive's manifest.
  returned: always but in check mode
  type: str
databases:
  description: By database, how many tables and rows.
  returned: always but in check mode
  type: dict
bytes:
  description: Size of the archive.
  returned: always but in check mode
  type: int
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptobot.native.plugins.module_utils.migration.journal import Journal
from ansible_collections.cryptobot.native.plugins.module_utils.migration.lock import Lock, LockHeld
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.backup import contents, save
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.backup.restore import Restorer
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.endpoint import Endpoint

ARGUMENTS: dict[str, Any] = {
    "state": {"type": "str", "choices": ["saved", "checked", "restored"], "required": True},
    "server": {"type": "dict"},
    "databases": {"type": "list", "elements": "dict", "default": []},
    "archive": {"type": "path", "required": True},
    "run": {"type": "str", "required": True},
    "jobs": {"type": "int", "default": 2},
    "directory": {"type": "path", "default": "/var/lib/cryptobot-migration"},
}


def summary(archive: Path) -> dict[str, Any]:
    """Of a whole archive."""
    manifest = save.read(archive)
    counts = {
        name: {"tables": len(each["tables"]), "rows": sum(found[0] for found in each["tables"].values())}
        for name, each in manifest["databases"].items()
    }
    size = sum(each["bytes"] for each in manifest["databases"].values())
    return {"manifest": contents.describe_file(archive / save.MANIFEST)["sha256"], "databases": counts, "bytes": size}


def work(options: dict[str, Any], archive: Path) -> None:
    """Save or restore."""
    server, journal = Endpoint.from_options(options["server"] or {}), Journal(options["directory"])
    parts = (server, archive, journal, options["run"], options["jobs"])
    with Lock(options["directory"]).held(f"postgresql_archive {options['state']}"):
        if options["state"] == "saved":
            save.Saver(*parts).save(options["databases"])
        else:
            Restorer(*parts).restore(options["databases"])


def main() -> None:
    """Work, unless in check mode, and say what the archive holds."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    archive, changes = Path(module.params["archive"]), module.params["state"] != "checked"
    try:
        with save.sentences():
            if module.check_mode and module.params["state"] == "saved":
                module.exit_json(changed=True)
            if changes and not module.check_mode:
                work(module.params, archive)
            found = summary(archive)
            save.readable(archive, save.read(archive))
    except (save.BackupError, LockHeld, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=changes, **found)


if __name__ == "__main__":
    main()
