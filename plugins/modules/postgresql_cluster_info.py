#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: postgresql_cluster_info
short_description: Find the PostgreSQL cluster to manage
version_added: 0.1.0
description:
  - Finds Debian's cluster V(main), or says which version an installation would make.
  - Compares its system identifier with the one that the host's record of state holds, so that an empty cluster never takes the place of a full one.
  - Of a cluster that was there before the platform it says which settings somebody has chosen, and whether names that the
    platform needs are taken.
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes.info
options:
  version:
    description: Major version. V(0) is the one that is there, else Debian's own.
    type: int
    default: 0
  roles:
    description: Names of the roles that the platform makes.
    type: list
    elements: str
    default: []
  databases:
    description: Names of the databases that the platform makes.
    type: list
    elements: str
    default: []
  adopt:
    description: Those of them that others have made and that are to become the platform's.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Look at the cluster
  cryptobot.native.postgresql_cluster_info:
  register: __postgresql_cluster
"""

RETURN = r"""
cluster:
  description:
    - The cluster, as it is or as an installation makes it. C(foreign), it was there before the platform; C(chosen), the settings
      that somebody has chosen there, of those that the platform needs.
  returned: always
  type: dict
  sample:
    exists: true
    version: 15
    name: main
    port: 5432
    online: true
    directory: /var/lib/postgresql/15/main
    identifier: "7412"
    foreign: false
    chosen: []
    hba_file: /etc/postgresql/15/main/pg_hba.conf
    ident_file: /etc/postgresql/15/main/pg_ident.conf
finding:
  description: Why the cluster can't be managed; empty when it can.
  returned: always
  type: str
  sample: ""
"""

import platform
from dataclasses import asdict

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptobot.native.plugins.module_utils.postgresql import cluster as clusters
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql import takeover
from ansible_collections.cryptobot.native.plugins.module_utils.state import StateRecord


def main() -> None:
    """Read and return."""
    names = {"type": "list", "elements": "str", "default": []}
    module = AnsibleModule(
        argument_spec={"version": {"type": "int", "default": 0}, "roles": names, "databases": names, "adopt": names},
        supports_check_mode=True,
    )
    lister = module.get_bin_path("pg_lsclusters")
    listed = clusters.parse(module.run_command([lister, "--no-header"], check_rc=True)[1]) if lister else []
    cluster, finding = clusters.choose(listed, module.params["version"] or None)
    lines = StateRecord().lines()
    recorded = clusters.recorded(lines)
    found = clusters.found_identifier(recorded, cluster)
    finding = finding or clusters.identity_finding(recorded, cluster, found)
    exists = cluster is not None
    server, foreign = None, takeover.is_foreign(lines, cluster)
    if cluster is not None and foreign and not finding:
        server = takeover.parse(module.run_command(takeover.argv(cluster.port), cwd="/")[1])
        wanted = {name: module.params[name] for name in ("roles", "databases")} | {"adopted": module.params["adopt"]}
        finding = takeover.refusal(cluster, server, takeover.created(lines), wanted)
    if cluster is None:
        debian = platform.freedesktop_os_release().get("VERSION_ID", "")
        version = module.params["version"] or clusters.DEBIAN_VERSIONS.get(debian, max(clusters.DEBIAN_VERSIONS.values()))
        cluster = clusters.Cluster(version, clusters.NAME, 5432, False, f"/var/lib/postgresql/{version}/{clusters.NAME}")
    etc = f"/etc/postgresql/{cluster.version}/{cluster.name}"
    known = {
        **asdict(cluster),
        "unit": cluster.unit,
        "exists": exists,
        "identifier": found,
        "foreign": foreign,
        "chosen": sorted(server.chosen) if server else [],
        "hba_file": server.hba_file if server else f"{etc}/pg_hba.conf",
        "ident_file": server.ident_file if server else f"{etc}/pg_ident.conf",
    }
    module.exit_json(changed=False, cluster=known, finding=finding)


if __name__ == "__main__":
    main()
