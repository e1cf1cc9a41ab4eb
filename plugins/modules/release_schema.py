#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: release_schema
short_description: Show, run and undo the migrations that releases bring
version_added: 0.1.0
description:
  - Says which Alembic revisions of the next releases are pending in the databases of this host, by their scripts on the
    controller, none of which is run for that.
  - Runs the migration unit of each service once, holding an advisory lock in every database that it writes. Where one fails, all that
    were run are undone, and the schema is compared with what it was.
  - Refuses beforehand what could not be undone, unless the live release works with it or O(irreversible) accepts it.
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes
options:
  services:
    description: Services of the resolved catalogue, as the host sees them; read are C(name), C(identifier), C(uses) and C(migration).
    type: list
    elements: dict
    required: true
  datastores:
    description: The datastores of the resolved catalogue.
    type: dict
    required: true
  host:
    description: This host's name in the inventory.
    type: str
    required: true
  source:
    description: The application's source on the controller, a directory.
    type: path
  expected:
    description: The releases that are about to be live, by service.
    type: dict
    default: {}
  state:
    description:
      - With V(migrated), the schemas are those of the releases.
      - With V(undone), they are again what O(before) says, unless O(served).
    type: str
    choices: [migrated, undone]
    default: migrated
  irreversible:
    description: Whether revisions that cannot be undone are accepted.
    type: bool
    default: false
  before:
    description: What RV(before) was, by service and datastore.
    type: dict
    default: {}
  served:
    description: Whether the new releases answered requests. What these wrote is then not taken away by a downgrade.
    type: bool
    default: false
  scripts:
    description: Set by the action itself.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Migrate what the next releases need
  cryptobot.native.release_schema:
    services: "{{ ansible_facts['cryptobot'] | cryptobot.native.services_on(inventory_hostname) }}"
    datastores: "{{ ansible_facts['cryptobot'].datastores }}"
    host: "{{ inventory_hostname }}"
    source: /srv/application
    expected: "{{ ansible_facts['cryptobot_releases'] }}"
"""

RETURN = r"""
pending:
  description: The revisions that are run or were pending, in their order, for people.
  returned: success
  type: list
  elements: str
  sample: ["auth: 0002 Sessions"]
migrated:
  description: Services whose schema was changed.
  returned: success
  type: list
  elements: str
  sample: [auth]
before:
  description: The revisions that were found, by service and datastore.
  returned: success
  type: dict
  sample: {auth: {auth: ["0001"]}}
left:
  description: With O(state=undone), sentences about what is not as before.
  returned: success
  type: list
  elements: str
  sample: []
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptobot.native.plugins.module_utils.database_identity import identities
from ansible_collections.cryptobot.native.plugins.module_utils.database_migrations import Database, Markers, Migration, Systemd
from ansible_collections.cryptobot.native.plugins.module_utils.release.database import databases_of
from ansible_collections.cryptobot.native.plugins.module_utils.release.errors import ReleaseError
from ansible_collections.cryptobot.native.plugins.module_utils.release.layout import ServiceReleases
from ansible_collections.cryptobot.native.plugins.module_utils.release.migrate import Migrator, Step
from ansible_collections.cryptobot.native.plugins.module_utils.release.schema import Scripts, lines, noted
from ansible_collections.cryptobot.native.plugins.module_utils.state import StateRecord

OPTIONS: dict[str, dict[str, Any]] = {
    "services": {"type": "list", "elements": "dict", "required": True},
    "datastores": {"type": "dict", "required": True},
    "host": {"type": "str", "required": True},
    "source": {"type": "path"},
    "expected": {"type": "dict", "default": {}},
    "state": {"type": "str", "choices": ["migrated", "undone"], "default": "migrated"},
    "irreversible": {"type": "bool", "default": False},
    "before": {"type": "dict", "default": {}},
    "served": {"type": "bool", "default": False},
    "scripts": {"type": "dict", "default": {}},
}


def steps(params: dict[str, Any]) -> list[Step]:
    """One for each service that has a migration, with what was found."""
    known = identities(params["datastores"], params["host"])
    found = []
    for service in (each for each in params["services"] if each.get("migration")):
        name = service["name"]
        releases, scripts = ServiceReleases(name), params["scripts"].get(name)
        live = releases.link("current")
        if live is None:
            raise ReleaseError(f"{name}: nothing of it is live on this host yet. Install it first: ansible-playbook site.yml")
        note = noted(releases.path(live), releases.note(live))
        databases = databases_of(service, params["datastores"])
        step = Step(
            name,
            service["identifier"],
            str(params["expected"].get(name) or releases.link("next") or live),
            live,
            databases,
            Scripts.unpacked(scripts) if scripts else None,
            note["heads"] if note else None,
            {store: known[store] for store in service["uses"] if store in known},
        )
        step.look()
        found.append(step)
    return found


def undo(params: dict[str, Any], given: list[Step], migrator: Migrator, markers: Markers) -> list[str]:
    """What is not as before; what is live is noted as what the schema was made for, so that nothing migrates it anew."""
    mine = [each for each in given if each.service in params["before"]]
    for step in mine:
        step.before = {name: tuple(versions) for name, versions in params["before"][step.service].items()}
        step.pending = step.scripts.pending(step.versions) if step.scripts else []
    staying = [each for each in mine if params["served"] or not all(revision.undoable for revision in each.pending)]
    left = migrator.undo([each for each in mine if each not in staying])
    left += [f"{each.service}: its schema stays as the release made it" for each in staying if each.pending]
    for step in mine:
        if markers.read(step.service) is not None:
            noted_as = tuple(Database(name, who) for name, who in step.identities.items())
            markers.write(Migration(step.service, step.live_release, noted_as))
    return left


def main() -> None:
    """Look, and in a real run migrate or undo."""
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)
    params, markers = module.params, Markers()
    try:
        given = steps(params)
        needed = [step for step in given if step.needed(markers.read(step.service))]
        pending = [line for step in needed for line in lines(step.service, step.pending)]
        others = [step.service for step in needed if step.scripts is None]
        pending += [f"{name}: by a command that is not Alembic's; it cannot be undone" for name in others]
        migrator, left = Migrator(Systemd(), markers), list[str]()
        wrong = [line for step in given for line in step.obstacles()] if params["state"] != "undone" else []
        if wrong and not params["irreversible"]:
            raise ReleaseError("\n".join(wrong))
        migrated: list[str] = []
        if params["state"] == "undone":
            left = undo(params, given, migrator, markers) if not module.check_mode else []
        elif not module.check_mode:
            migrated = migrator.run(given)
            done = [step for step in given if step.service in migrated]
            StateRecord().extend([("schema", step.service, step.live_release, step.release) for step in done])
    except (ReleaseError, OSError) as error:
        module.fail_json(msg=str(error))
    changed = bool(params["before"]) if params["state"] == "undone" else bool(needed)
    before = {step.service: step.before for step in needed}
    prepared = "".join(f"migrate {line}\n" for line in pending)
    result = {"pending": pending, "migrated": migrated, "before": before, "left": left}
    module.exit_json(changed=changed, diff={"prepared": prepared}, **result)


if __name__ == "__main__":
    main()
