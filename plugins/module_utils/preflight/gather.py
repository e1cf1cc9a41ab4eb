# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the options of `preflight_info` to its answer: looks at the host and lets the checks read it."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .. import packages
from ..findings import BLOCKING, Finding
from ..migration.sides import SidesError, undeclared
from ..postgresql import cluster as clusters
from ..postgresql import takeover, tuning
from ..release.environment import find_interpreter
from ..release.tools import NODE, UV, Tool
from ..state import StateRecord
from . import host as looks
from . import software, sources
from .checks import findings

Run = Callable[..., tuple[int, str, str]]
"""Of a program: arguments in a list, exit code, output and error output."""


class Look:
    """One look at this host."""

    def __init__(self, options: Mapping[str, Any], run: Run) -> None:
        self._options = options
        self._wanted: Mapping[str, Any] = options["wanted"]
        self._run = run

    def result(self) -> dict[str, Any]:
        host = self._host()
        dependencies = software.inventory(
            self._wanted["packages"], host.installed, host.candidates, host.lists_age_hours is not None, host.postgresql
        )
        dependencies += self._programs(host)
        answers = self._sources(host) if self._options["sources"] else []
        found = findings(self._wanted, host, dependencies, answers, self._options["controller_time"])
        return {
            "blocking": any(one.severity == BLOCKING for one in found),
            "findings": [one.as_dict() for one in found],
            "host": host.summary(),
            "dependencies": [one.as_dict() for one in dependencies],
            "sources": [one.as_dict() for one in answers],
        }

    def _said(self, *argv: str) -> str:
        """What a program prints; empty when it is not there or fails."""
        try:
            code, out, __ = self._run(list(argv), environ_update=packages.ENVIRONMENT, handle_exceptions=False)
        except OSError:
            return ""
        return out if code == 0 else ""

    def _host(self) -> looks.Host:
        clock = time.time()
        seen = looks.look(self._wanted)
        machine = tuning.Machine(seen["memory_mb"], seen["cores"])
        installed, unfinished = packages.parse_status(self._said(*packages.STATUS_QUERY))
        container = self._said("systemd-detect-virt", "--container").strip()
        version = (self._said("systemctl", "--version").split() or ["", ""])[1]
        active = self._said(
            "systemctl", "list-units", "--state=active", "--plain", "--no-legend", "--no-pager"
        ).splitlines()
        postgresql = self._postgresql(seen["os_version"], machine)
        found = {one["name"]: find_interpreter(one["name"]) for one in self._wanted["interpreters"]}
        return looks.Host(
            **seen,
            clock=clock,
            container="" if container == "none" else container,
            systemd=version,
            installed=installed,
            unfinished=unfinished,
            candidates=self._candidates(postgresql["postgresql"]),
            active=frozenset(line.split()[0] for line in active if line.strip()),
            interpreters={name: one.version if one else "" for name, one in found.items()},
            undeclared="" if self._options["compose"] else _undeclared(),
            **postgresql,
        )

    def _postgresql(self, debian: str, machine: tuning.Machine) -> dict[str, Any]:
        """The version that the host has or will have, why its cluster can't be ours, what becomes of another's."""
        listed = clusters.parse(self._said("pg_lsclusters", "--no-header"))
        chosen, finding = clusters.choose(listed, self._wanted["postgresql_version"] or None)
        lines = StateRecord().lines()
        known = clusters.recorded(lines)
        finding = finding or clusters.identity_finding(known, chosen, clusters.found_identifier(known, chosen))
        newest = max(software.POSTGRESQL.values())
        version = (
            chosen.version if chosen else self._wanted["postgresql_version"] or software.POSTGRESQL.get(debian, newest)
        )
        here = bool(self._wanted["postgresql"])
        found: list[Finding] = []
        if chosen and here and not finding:
            finding = clusters.port_finding(chosen, self._wanted["postgresql"]["ports"])
        if chosen and here and not finding and takeover.is_foreign(lines, chosen):
            server = takeover.parse(self._said(*takeover.argv(chosen.port)))
            finding = takeover.refusal(chosen, server, takeover.created(lines), self._wanted["postgresql"])
            if server and not finding:
                found = list(takeover.findings(chosen, server, *self._settings(chosen, machine), known is not None))
        return {
            "postgresql": version,
            "postgresql_finding": finding if here else "",
            "takeover": tuple(found),
        }

    def _settings(self, cluster: clusters.Cluster, machine: tuning.Machine) -> tuple[dict[str, str], Mapping[str, str]]:
        """What the platform would set in a server of its own, and what the operator has named."""
        told = self._wanted["postgresql"]
        most, extra = told["max_connections"], told["extra"]
        wanted = tuning.settings(machine, max_connections=most, listen=told["listen"], port=cluster.port, extra=extra)
        return wanted, extra

    def _candidates(self, postgresql: int) -> dict[str, str]:
        named = [each["name"].replace("{postgresql}", str(postgresql)) for each in self._wanted["packages"]]
        names = sorted({name.strip() for each in named for name in each.split("|")})
        return software.parse_policy(self._said("apt-cache", "policy", *names))

    def _programs(self, host: looks.Host) -> list[software.Dependency]:
        """What is no package of Debian's: interpreters, and tools of a fixed version from the Python index."""
        oldest = software.OLDEST["python"]
        rows = [
            software.Dependency(
                "linux", f"{software.OLDEST['linux']} or newer", host.kernel, "", "units", _state(host.kernel, "linux")
            )
        ]
        rows.append(
            software.Dependency(
                "systemd",
                f"{software.OLDEST['systemd']} or newer",
                host.systemd,
                "",
                "units",
                _state(host.systemd, "systemd"),
            )
        )
        for one in self._wanted["interpreters"]:
            version = host.interpreters.get(one["name"], "")
            users = f"{len(one['needed_by'])} services" if len(one["needed_by"]) > 3 else ", ".join(one["needed_by"])
            rows.append(
                software.Dependency(one["name"], f"{oldest} or newer", version, "", users, _state(version, "python"))
            )
        if self._wanted["interpreters"] or "wheel" in self._wanted["builds"]:
            rows.append(_tool(UV, "release"))
        if "npm" in self._wanted["builds"]:
            rows.append(_tool(NODE, "release (build)"))
        return rows

    def _sources(self, host: looks.Host) -> list[sources.Answer]:
        options, home, wanted = self._options, Path(os.path.expanduser("~")), self._wanted
        uris = "" if options["apt_mirror"] else self._said("apt-get", "update", "--print-uris")
        asked = sources.apt_sources(uris, options["apt_mirror"], host.codename)
        if wanted["interpreters"] or wanted["builds"]:
            asked += sources.python_sources(options["python_index"], os.environ, home)
        if "npm" in wanted["builds"]:
            asked.append(sources.npm_source(options["npm_registry"], os.environ, home))
        if "cargo" in wanted["builds"]:
            asked.append(sources.cargo_source(options["cargo_index"], os.environ, home))
        seconds = options["source_timeout"]
        with tempfile.TemporaryDirectory(prefix="cryptobot-preflight-") as directory:
            os.chmod(directory, 0o711)  # apt fetches as a user of its own.

            def ask(source: sources.Source) -> str:
                if source.kind == sources.APT:
                    return sources.ask_apt(source, seconds, Path(directory), options["apt_proxy"])
                return sources.ask_http(source, seconds, options["ca"] or "")

            return sources.ask_all(asked, ask)


def _undeclared() -> str:
    """Why a play without a Compose project must not go on here: the host's own record of sides; empty where it may."""
    try:
        return undeclared()
    except SidesError as error:
        return str(error)


def _state(version: str, name: str) -> str:
    if not version:
        return software.NOWHERE
    return software.OLD if software.older(version, software.OLDEST[name]) else software.PRESENT


def _tool(tool: Tool, needed_by: str) -> software.Dependency:
    found = tool.version if tool.installed else ""
    state = software.PRESENT if found else software.MISSING
    return software.Dependency(tool.name, tool.version, found, tool.version, needed_by, state)
