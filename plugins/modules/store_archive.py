#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: store_archive
short_description: Save a Redis or a directory as an archive, check it, and restore it
version_added: 0.1.0
description:
  - An archive is whole only with its C(manifest.json), which is written last. One without it, an empty, cut off or changed one is refused.
  - A directory keeps owners by number, access lists, extended attributes, hard links and holes; SQLite databases in it are copied by
    SQLite's own backup.
  - A restore first checks the archive, brings everything beside what is there, and only then puts it into place. A directory that is
    replaced is kept as C(<path>.before).
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes
  - cryptobot.native.journal
  - cryptobot.native.stores
options:
  kind:
    description: What is saved. SQLite datastores are V(files).
    type: str
    choices: [redis, files]
    required: true
  source:
    description: What to save, as M(cryptobot.native.redis_transfer) or M(cryptobot.native.files_transfer) name it. Needed for V(saved).
    type: dict
  target:
    description: Where to restore to, named in the same way. Needed for V(restored). A running Redis is emptied of what it held.
    type: dict
  archive:
    description: Directory of this archive alone.
    type: path
    required: true
  state:
    description: V(saved) makes the archive, V(checked) reads all of it, V(restored) replaces what the target holds.
    type: str
    choices: [saved, checked, restored]
    default: saved
"""

EXAMPLES = r"""
- name: Save a volume
  cryptobot.native.store_archive:
    run: 20300101T120000
    kind: files
    datastore: bars
    source: {container: {project: cryptobot, volume: market-data}}
    archive: /var/lib/cryptobot-migration/backup/20300101T120000/bars

- name: Bring it back
  cryptobot.native.store_archive:
    run: 20300102T120000
    kind: files
    datastore: bars
    target: {container: {project: cryptobot, volume: market-data}}
    archive: /var/lib/cryptobot-migration/backup/20300101T120000/bars
    state: restored
"""

RETURN = r"""
manifest:
  description: SHA-256 of the manifest.
  returned: success, not in check mode of V(saved)
  type: str
  sample: e52a6636a53f37cdf9531bb12ece25c2cbf8da8531cd81456cdce2122be9e3dd
entries:
  description: Keys, or names below the directory.
  returned: success, not in check mode of V(saved)
  type: int
  sample: 266
bytes:
  description: Size of the archive.
  returned: success, not in check mode of V(saved)
  type: int
  sample: 4165632
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptobot.native.plugins.module_utils.docker.engine import DockerError
from ansible_collections.cryptobot.native.plugins.module_utils.files.place import FilesError, Place
from ansible_collections.cryptobot.native.plugins.module_utils.migration.journal import Journal
from ansible_collections.cryptobot.native.plugins.module_utils.migration.lock import Lock, LockHeld
from ansible_collections.cryptobot.native.plugins.module_utils.redis.client import RedisError
from ansible_collections.cryptobot.native.plugins.module_utils.redis.endpoint import Endpoint
from ansible_collections.cryptobot.native.plugins.module_utils.sqlite.database import SqliteError
from ansible_collections.cryptobot.native.plugins.module_utils.store_archive import files, redis
from ansible_collections.cryptobot.native.plugins.module_utils.store_archive.manifest import MANIFEST, ArchiveError

ARGUMENTS: dict[str, Any] = {
    "run": {"type": "str", "required": True},
    "datastore": {"type": "str", "required": True},
    "directory": {"type": "path", "default": "/var/lib/cryptobot-migration"},
    "kind": {"type": "str", "choices": ["redis", "files"], "required": True},
    "source": {"type": "dict"},
    "target": {"type": "dict"},
    "archive": {"type": "path", "required": True},
    "state": {"type": "str", "choices": ["saved", "checked", "restored"], "default": "saved"},
}
NEEDED = [("state", "saved", ["source"]), ("state", "restored", ["target"])]


def checked(options: dict[str, Any]) -> dict[str, Any]:
    """Reads the whole archive."""
    archive = Path(options["archive"])
    return redis.check(archive)[1] if options["kind"] == "redis" else files.check(archive)


def saved(options: dict[str, Any]) -> tuple[bool, dict[str, Any]]:
    """Makes the archive; one that is whole stays as it is."""
    archive, name = Path(options["archive"]), options["datastore"]
    if (archive / MANIFEST).exists():
        return False, checked(options)
    if options["kind"] == "redis":
        return True, redis.save(Endpoint.from_options(options["source"]), archive, name)
    source = Place.from_options(options["source"])
    return True, files.save(source, archive, name, options["run"], Journal(options["directory"]))


def restored(options: dict[str, Any]) -> tuple[bool, dict[str, Any]]:
    """Puts what was saved in the place of what is there."""
    archive, name, journal = Path(options["archive"]), options["datastore"], Journal(options["directory"])
    if options["kind"] == "redis":
        return redis.restore(archive, Endpoint.from_options(options["target"]), name, options["run"], journal)
    return files.restore(archive, Place.from_options(options["target"]), name, options["run"], journal)


def work(options: dict[str, Any], check: bool) -> dict[str, Any]:
    """Does what the state asks for."""
    if check and options["state"] == "saved":
        return {"changed": not (Path(options["archive"]) / MANIFEST).exists()}
    if check or options["state"] == "checked":
        return {"changed": options["state"] == "restored", **checked(options)}
    with Lock(options["directory"]).held(f"store_archive {options['state']} {options['datastore']}"):
        changed, found = {"saved": saved, "restored": restored}[options["state"]](options)
    return {"changed": changed, **found}


def main() -> None:
    """Save, check or restore."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True, required_if=NEEDED)
    try:
        result = work(module.params, module.check_mode)
    except (ArchiveError, RedisError, FilesError, SqliteError, DockerError, LockHeld) as error:
        module.fail_json(msg=f"{str(error).rstrip('.')}.")
    except OSError as error:
        module.fail_json(
            msg=f"{error.filename or module.params['archive']}: {error.strerror or error}. Nothing was put into place."
        )
    module.exit_json(**result)


if __name__ == "__main__":
    main()
