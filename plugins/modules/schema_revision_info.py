#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: schema_revision_info
short_description: Say whether the data fits the release that is to serve it
version_added: 0.1.0
description:
  - Compares the revision that each database of the source notes (C(alembic_version), also with a suffix) with those
    that the native release knows. Data of a newer schema than the release's is V(blocking); a release that is ahead of the
    data is a V(decision).
  - What the release knows is read on the controller, from the scripts of the application's source. None of them is run.
  - Changes nothing.
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes.info
options:
  catalogue:
    description: The resolved catalogue.
    type: dict
  origin:
    description: The application's source on the controller, a directory.
    type: path
  postgresql:
    description: Servers with their databases, by P(cryptobot.native.migration_stores#filter).
    type: list
    elements: dict
    default: []
  sqlite:
    description: SQLite databases, by P(cryptobot.native.migration_stores#filter).
    type: list
    elements: dict
    default: []
  scripts:
    description: What each release knows. Set by the action itself.
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: Compare schemas with the release
  cryptobot.native.schema_revision_info:
    catalogue: "{{ ansible_facts['cryptobot'] }}"
    origin: "{{ source.path }}"
    postgresql: "{{ stores.postgresql }}"
    sqlite: "{{ stores.sqlite }}"
"""

RETURN = r"""
findings:
  description: What does not fit, each with severity, code, object, text and remedy.
  returned: success
  type: list
  elements: dict
schemas:
  description: By datastore the revisions that were found, by table.
  returned: success
  type: dict
  sample: {auth: {alembic_version_auth: ["0001"]}}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptobot.native.plugins.module_utils.docker.engine import DockerError
from ansible_collections.cryptobot.native.plugins.module_utils.files.place import FilesError
from ansible_collections.cryptobot.native.plugins.module_utils.migration import revisions, schemas
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.endpoint import EndpointError
from ansible_collections.cryptobot.native.plugins.module_utils.sqlite.database import SqliteError

LISTS: dict[str, Any] = {
    name: {"type": "list", "elements": "dict", "default": []} for name in ("postgresql", "sqlite", "scripts")
}
ARGUMENTS: dict[str, Any] = {"catalogue": {"type": "dict"}, "origin": {"type": "path"}, **LISTS}


def main() -> None:
    """Ask every database whose release has scripts, and compare."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    known = [revisions.Scripts(**each) for each in module.params["scripts"]]
    try:
        found = schemas.read(module.params["postgresql"], module.params["sqlite"], known)
    except (EndpointError, DockerError, FilesError, SqliteError, OSError) as error:
        module.fail_json(msg=str(error))
    findings = [each.as_dict() for each in revisions.findings(found, known)]
    module.exit_json(changed=False, findings=findings, schemas={each.datastore: each.versions for each in found})


if __name__ == "__main__":
    main()
