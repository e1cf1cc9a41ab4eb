# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's PostgreSQL clusters on a host: which one is ours to manage, and whether it is still the one it was.

An empty new cluster after a version changed or a volume was not mounted looks like a fresh installation. So the first
identifier that was seen is kept, and another one (or none) later on is a finding.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

DEBIAN_VERSIONS = {"12": 15, "13": 17}
OLDEST = 15
"""The first version whose queries and settings the collection knows."""
NAME = "main"


@dataclass(frozen=True)
class Cluster:
    version: int
    name: str
    port: int
    online: bool
    directory: str

    @property
    def unit(self) -> str:
        return f"postgresql@{self.version}-{self.name}.service"


def parse(output: str) -> list[Cluster]:
    """Reads ``pg_lsclusters --no-header``."""
    rows = (line.split() for line in output.splitlines())
    return [Cluster(int(row[0]), row[1], int(row[2]), row[3].startswith("online"), row[5]) for row in rows if len(row) >= 6]


def choose(clusters: Iterable[Cluster], version: int | None) -> tuple[Cluster | None, str]:
    """The cluster to manage, and a finding (empty: none). One that is there is taken over, whatever its version."""
    mains = [each for each in clusters if each.name == NAME and version in (None, each.version)]
    if len(mains) > 1:
        versions = " and ".join(str(each.version) for each in mains)
        return None, (
            f"This host has PostgreSQL clusters named {NAME} of versions {versions}. Only one can be the platform's. "
            f"Say which in the host's variables, for example postgresql_version: {mains[-1].version}."
        )
    if mains and mains[0].version < OLDEST:
        return mains[0], (
            f"The PostgreSQL cluster of this host is version {mains[0].version}; {OLDEST} is the oldest that works. "
            "Upgrade it (pg_upgradecluster), or set postgresql_version to install another beside it."
        )
    return (mains[0] if mains else None), ""


def port_finding(cluster: Cluster, wanted: Mapping[str, int]) -> str:
    """Says that a cluster listens at another port than its datastores, by name, are told to; empty when it does not."""
    if {cluster.port} >= {*wanted.values()}:
        return ""
    named = ", ".join(f"{name}: {{port: {cluster.port}}}" for name in wanted)
    return (
        f"The PostgreSQL cluster of this host listens at port {cluster.port}; the catalogue says "
        f"{', '.join(map(str, sorted({*wanted.values()})))}. Set cryptobot_datastores__port: {{{named}}}."
    )


def identifier(directory: str) -> str | None:
    """The system identifier out of a data directory's control file, whether a server runs or not."""
    try:
        with open(os.path.join(directory, "global", "pg_control"), "rb") as file:
            return str(struct.unpack("=Q", file.read(8))[0])
    except (FileNotFoundError, NotADirectoryError):
        return None


def recorded(lines: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """What the host's record of state says last of the cluster: ``{"version", "directory", "identifier"}``."""
    known = [line["is"] for line in lines if line["kind"] == "postgresql" and line["target"] == "cluster"]
    return known[-1] if known else None


def found_identifier(known: Mapping[str, Any] | None, cluster: Cluster | None) -> str | None:
    """Of the cluster that is there; without one, of data that waits in its directory for its server, as an uninstallation leaves it."""
    if cluster is None:
        return identifier(known["directory"]) if known else None
    return identifier(cluster.directory)


def identity_finding(known: Mapping[str, Any] | None, cluster: Cluster | None, found: str | None) -> str:
    """Says what is wrong when the cluster is not the one that was recorded; empty when all is well."""
    if known is None or found == known["identifier"]:
        return ""
    was = f"version {known['version']} in {known['directory']} with system identifier {known['identifier']}"
    if cluster is None:
        now = "there is none"
    elif found is None:
        now = f"{cluster.directory} is empty"
    else:
        now = f"{cluster.directory} (version {cluster.version}) has identifier {found}"
    return (
        f"The PostgreSQL cluster of this host was {was}; now {now}. Going on would start an empty database in its place. "
        "Mount or restore the old data directory; or, if the new one is meant, remove the line "
        '"target": "cluster" from /var/lib/cryptobot/state.jsonl.'
    )
