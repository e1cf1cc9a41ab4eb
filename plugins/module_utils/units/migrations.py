# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the resolved catalogue to the oneshot units that bring schemas up to date."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..catalogue.queries import services_on
from .catalogue import (
    LAUNCH,
    Catalogue,
    condition,
    data_directories,
    datastore_addresses,
    egress,
    quoted,
    replaced,
    secrets_of,
    specified,
    umask,
    variable,
)


def migration(catalogue: Catalogue, host: str, service: Mapping[str, Any], sides: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The oneshot that brings the service's schema up to date, with the release that is next, or else with the live one."""
    name, steps = service["name"], service["migration"]
    runtime_directory = f"cryptobot/{name}-migrate"
    secrets = secrets_of(service, runtime_directory, "pgpass_migrate")
    groups, writable = data_directories(catalogue, service)
    addresses, anywhere = egress(catalogue, service)
    inside, programs = ("/source", "../venv/bin") if service["runtime"] == "python" else ("", "bin")
    options = [word for release in ("next", "current") for word in ("--in", f"/opt/cryptobot/{name}/{release}{inside}")]
    options += [word for store, url in datastore_addresses(catalogue, service, host) for word in ("--after", f"{store}={url}")]
    first, *rest = steps["command"]
    launch = [LAUNCH, *options, *secrets.options, "--", first if "/" in first else f"{programs}/{first}", *rest]
    assignments = [variable(key, str(value)) for key, value in steps["environment"].items()]
    assignments += [specified(key, replaced(value, secrets.moved)) for key, value in steps["credential_environment"].items()]
    return {
        "name": f"cryptobot-{name}-migrate.service",
        "service": name,
        "runtime": service["runtime"],
        "group": service["user"],
        "groups": [service["user"], *groups],
        "umask": umask(groups),
        "environment": assignments,
        "environment_files": secrets.variables,
        "credentials": secrets.credentials,
        "runtime_directory": runtime_directory,
        "exec_start": " ".join(quoted(word) for word in launch),
        "read_write": writable,
        "executable": [f"/opt/cryptobot/{name}"],
        "addresses": addresses,
        "open_egress": anywhere,
        "condition": condition(service, sides, exclusive=True),
    }


def migrations(catalogue: Catalogue, host: str, sides: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """The migration unit of every service of the host that has steps."""
    return [migration(catalogue, host, service, sides) for service in services_on(catalogue, host) if service.get("migration")]
