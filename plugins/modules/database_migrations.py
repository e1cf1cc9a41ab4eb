#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: database_migrations
short_description: Bring the schemas of services up to date before their next release is live
version_added: 0.1.0
description:
  - Runs the migration unit of every service whose next release, or whose database, is not the one it ran for last.
  - Services that share a database are migrated one after the other, all others side by side. In each PostgreSQL database of this host an
    advisory lock is held meanwhile, so that two controllers do not migrate it at once.
  - When one fails, the task fails with what it said. The live releases stay as they are.
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes
options:
  services:
    description: Services of the resolved catalogue that have a migration step; read are C(name) and C(uses).
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
  force:
    description: Runs all of them, whether they seem to be needed or not.
    type: bool
    default: false
  expected:
    description: The releases that will be next, by service; for check mode, where they are not installed yet.
    type: dict
    default: {}
  compose:
    description:
      - Whether a Docker Compose project is given in the inventory. Without one nothing is done on a host whose record of
        sides says that something is not native.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Migrate what the next releases need
  cryptobot.native.database_migrations:
    services: "{{ ansible_facts['cryptobot'] | cryptobot.native.services_on(inventory_hostname) | selectattr('migration') }}"
    datastores: "{{ ansible_facts['cryptobot'].datastores }}"
    host: "{{ inventory_hostname }}"
"""

RETURN = r"""
needed:
  description: Why each migration had, or would have, to run.
  returned: success
  type: dict
  sample: {auth: never ran here}
migrated:
  description: Services that were migrated.
  returned: success
  type: list
  elements: str
  sample: [auth]
plan:
  description:
    - What is changed, or in check mode would be, as kind, target and action of each; one form for all modules.
    - C(unknown) says what of it can't be told ahead.
  returned: always
  type: list
  elements: dict
  sample: [{kind: schema, target: auth, action: migrate, unknown: what the release's own migration does to the database}]
"""

import contextlib

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptobot.native.plugins.module_utils.changes import Change, as_plan
from ansible_collections.cryptobot.native.plugins.module_utils.database_identity import identities
from ansible_collections.cryptobot.native.plugins.module_utils.migration.sides import SidesError, undeclared
from ansible_collections.cryptobot.native.plugins.module_utils.database_migrations import (
    Database,
    Markers,
    Migration,
    MigrationError,
    Systemd,
    run_chains,
)
from ansible_collections.cryptobot.native.plugins.module_utils.release.database import Database as Locked
from ansible_collections.cryptobot.native.plugins.module_utils.release.database import databases_of
from ansible_collections.cryptobot.native.plugins.module_utils.release.errors import ReleaseError
from ansible_collections.cryptobot.native.plugins.module_utils.release.layout import ServiceReleases
from ansible_collections.cryptobot.native.plugins.module_utils.state import StateRecord
from ansible_collections.cryptobot.native.plugins.module_utils.turn import take_turn


def plan(module: AnsibleModule, known: dict[str, str | None]) -> list[Migration]:
    """The migration of every service, for the release that will be live next."""
    migrations = []
    for service in module.params["services"]:
        databases = tuple(Database(name, known[name]) for name in service["uses"] if name in known)
        releases = ServiceReleases(service["name"])
        foreseen = module.params["expected"].get(service["name"]) if module.check_mode else None
        release = foreseen or releases.link("next") or releases.link("current")
        migrations.append(Migration(service["name"], release, databases))
    return migrations


def lockable(module: AnsibleModule, wanted: list[Migration]) -> list[Locked]:
    """The databases of this host that are migrated."""
    here = {
        name: store
        for name, store in module.params["datastores"].items()
        if store.get("host") in (None, module.params["host"])
    }
    names = {migration.service for migration in wanted}
    found: dict[str, Locked] = {}
    for service in (each for each in module.params["services"] if each["name"] in names):
        mine = {name: use for name, use in service["uses"].items() if name in here}
        found |= {database.name: database for database in databases_of({"uses": mine}, here)}
    return [found[name] for name in sorted(found)]


def apply(module: AnsibleModule, wanted: list[Migration]) -> list[str]:
    """Run what is needed, and record it."""
    if missing := [migration.service for migration in wanted if migration.release is None]:
        raise MigrationError(
            f"{', '.join(missing)}: no release is installed, so there is nothing to migrate with. Install the releases first."
        )
    units, markers, record = Systemd(), Markers(), StateRecord()
    before = {migration.service: markers.read(migration.service) for migration in wanted}
    live = {migration.service: ServiceReleases(migration.service).link("current") for migration in wanted}
    units.reload()
    try:
        with contextlib.ExitStack() as held:
            for database in lockable(module, wanted):
                held.enter_context(database.locked())
            return run_chains(wanted, units, markers, live)
    finally:
        # A new SQLite file has its identity only now.
        after = plan(module, identities(module.params["datastores"], module.params["host"]))
        for migration in after:
            was, note = before.get(migration.service), markers.read(migration.service)
            if migration.service in before and note != was:
                markers.write(migration)
                record.append("schema", migration.service, was and was.get("release"), migration.release)


def main() -> None:
    """Find what is needed; run it unless this is only a check."""
    module = AnsibleModule(
        argument_spec={
            "services": {"type": "list", "elements": "dict", "required": True},
            "datastores": {"type": "dict", "required": True},
            "host": {"type": "str", "required": True},
            "force": {"type": "bool", "default": False},
            "expected": {"type": "dict", "default": {}},
            "compose": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    take_turn(module, "database_migrations")
    params, markers = module.params, Markers()
    migrations = plan(module, identities(params["datastores"], params["host"]))
    reasons = {m.service: "asked for" if params["force"] else m.reason(markers.read(m.service)) for m in migrations}
    needed = {service: reason for service, reason in reasons.items() if reason}
    wanted = [migration for migration in migrations if migration.service in needed]
    unknown = "what the release's own migration does to the database"
    changes = [Change("schema", m.service, needed[m.service], m.release, action="migrate", unknown=unknown) for m in wanted]
    prepared = "".join(f"migrate {m.service} to {m.release}: {needed[m.service]}\n" for m in wanted)
    try:
        if not params["compose"] and (why := undeclared()):
            raise MigrationError(why)
        migrated = [] if module.check_mode or not wanted else apply(module, wanted)
    except (MigrationError, ReleaseError, SidesError, OSError) as error:
        module.fail_json(msg=str(error), needed=needed)
    module.exit_json(changed=bool(wanted), needed=needed, migrated=migrated, plan=as_plan(changes), diff={"prepared": prepared})


if __name__ == "__main__":
    main()
