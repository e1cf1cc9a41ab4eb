# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a look at a host means for what is wanted of it: findings, the worst first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from . import software
from ..findings import BLOCKING, NOTE, SEVERITIES, WARNING, Finding
from .host import Host
from .machine import clock, disks, room, system
from .ports import port_findings
from .sources import APT, CARGO, NPM, OWN_DEFAULT, PYTHON, Answer

UNATTENDED = "unattended-upgrades"


def findings(
    wanted: Mapping[str, Any],
    host: Host,
    dependencies: Sequence[software.Dependency],
    answers: Sequence[Answer],
    controller_time: float = 0,
) -> list[Finding]:
    """All of one host; ``controller_time``: seconds since 1970 when the host was asked, 0 where nobody knows."""
    found = [
        *system(wanted, host),
        *room(wanted, host),
        *disks(wanted, host),
        *clock(host, controller_time),
        *(Finding(*row) for row in port_findings(wanted, host)),
        *_accounts(wanted, host),
        *_packages(host, dependencies),
        *_services(wanted, host),
        *_sources(host, dependencies, answers),
    ]
    return sorted(found, key=lambda one: SEVERITIES.index(one.severity))


def _accounts(wanted: Mapping[str, Any], host: Host) -> Iterator[Finding]:
    for user in wanted["users"]:
        there = host.accounts.get(user["name"])
        if there is None or there.home == user["home"]:
            continue
        person = there.uid >= 1000 or not there.shell.endswith(("nologin", "false"))
        text = f"The user {user['name']} is there and is not the platform's: its home is {there.home}."
        remedy = f"Rename that user (usermod --login other {user['name']}), or the service."
        evidence = f"uid {there.uid}, home {there.home}, shell {there.shell}"
        yield Finding(BLOCKING if person else WARNING, "account", user["name"], text, remedy, evidence)


def _packages(host: Host, dependencies: Iterable[software.Dependency]) -> Iterator[Finding]:
    unknown = []
    for one in dependencies:
        if one.state == software.OLD:
            version = one.found or one.available
            where = "has" if one.found else "can get"
            text = f"The host {where} {one.name} {version}; {one.needed_by} needs {one.wanted}."
            remedy = "Upgrade it (apt-get install --only-upgrade), or add a package source that has a newer one."
            yield Finding(
                BLOCKING,
                "version",
                one.name,
                text,
                remedy,
                f"found {one.found or '-'}, available {one.available or '-'}",
            )
        elif one.state == software.NOWHERE:
            text = f"No package source of the host has {one.name}, which {one.needed_by} installs."
            yield Finding(
                BLOCKING,
                "package",
                one.name,
                text,
                "Add one that has it, or fetch the lists anew (apt-get update).",
                "apt-cache policy: no candidate",
            )
        elif one.state == software.UNKNOWN:
            unknown.append(one.name)
    if unknown:
        text = f"What the package sources have of {', '.join(unknown)} is not knowable before apt update."
        yield Finding(
            NOTE, "lists", "apt", text, "Nothing: the first installation fetches the lists.", "no package lists"
        )
    if host.unfinished:
        text = (
            f"An installation was interrupted: {', '.join(host.unfinished)}"
            f" {'is' if len(host.unfinished) == 1 else 'are'} half installed."
        )
        yield Finding(
            WARNING,
            "dpkg",
            "dpkg",
            text,
            "Run dpkg --configure --pending and see that it ends well; site does it too.",
            "dpkg-query",
        )
    if host.dpkg_busy:
        text = f"Something is being installed at this moment, by {host.dpkg_busy}."
        yield Finding(
            NOTE, "dpkg-busy", "dpkg", text, "Nothing: site waits for it, five minutes at most.", host.dpkg_busy
        )
    if host.undeclared:
        text, __, remedy = host.undeclared.rpartition(". ")
        yield Finding(
            BLOCKING, "sides", "cryptobot_compose", f"{text}.", remedy, "/var/lib/cryptobot-migration/sides.json"
        )
    if host.postgresql_finding:
        text, __, remedy = host.postgresql_finding.partition(". ")
        yield Finding(BLOCKING, "postgresql", "postgresql", f"{text}.", remedy or "See the role postgresql.")


def _services(wanted: Mapping[str, Any], host: Host) -> Iterator[Finding]:
    """What runs already and touches the same ground. Ports that are taken are findings of their own."""
    groups = wanted["groups"]
    yield from host.takeover
    beside = {
        "haproxy.service": "cryptobot_edge",
        "redis-server.service": "cryptobot_cache",
        "pgbouncer.service": "cryptobot_database",
    }
    for unit, group in beside.items():
        if unit in host.active and group in groups:
            text = (
                f"{unit} runs with a configuration of its own. It is left alone; the platform's is an instance"
                " beside it."
            )
            yield Finding(
                NOTE,
                "beside",
                unit,
                text,
                "See that their ports and memory do not meet.",
                f"systemctl is-active {unit}: active",
            )
    for unit in ("ufw.service", "firewalld.service"):
        if unit in host.active:
            doors = sorted({one["port"] for one in wanted["ports"] if one["kind"] in ("entrance", "public")})
            text = f"{unit} is active, and the platform does not change its rules."
            remedy = (
                f"Let users in to the ports {', '.join(map(str, doors))}."
                if doors
                else "Let the platform's other hosts in."
            )
            yield Finding(WARNING, "firewall", unit, text, remedy, f"systemctl is-active {unit}: active")
    if UNATTENDED in host.installed and {"cryptobot_database", "cryptobot_cache"} & set(groups):
        text = "Unattended upgrades may restart PostgreSQL or Redis at night."
        remedy = (
            "Set postgresql_hold_packages and redis_hold_packages where that must not be; then security updates wait"
            " for somebody."
        )
        yield Finding(NOTE, "unattended", UNATTENDED, text, remedy, f"{UNATTENDED} {host.installed[UNATTENDED]}")


def _sources(host: Host, dependencies: Sequence[software.Dependency], answers: Sequence[Answer]) -> Iterator[Finding]:
    missing = any(one.state != software.PRESENT for one in dependencies)
    fresh = not host.own_units
    needed = {APT: missing, PYTHON: fresh, NPM: False, CARGO: False}
    remedies = {
        APT: "Check the host's network and proxy, or name a mirror: base_apt_mirror, base_apt_proxy.",
        PYTHON: "Check the host's network and proxy, or name an index: release_python_index, release_ca.",
        NPM: "Builds alone need it, for what no cache has. Name a registry: release_npm_registry.",
        CARGO: "Builds alone need it, for what no cache has. Name an index: release_cargo_index.",
    }
    for one in answers:
        if not one.reached:
            text = f"The package source {one.url} ({one.setting}) is not reached: {one.said}."
            severity = BLOCKING if needed[one.kind] else WARNING
            yield Finding(severity, "source", one.kind, text, remedies[one.kind], f"asked for {one.seconds} s")
    own = [
        one
        for one in answers
        if one.kind == PYTHON and one.setting.startswith("pip") and OWN_DEFAULT not in one.setting
    ]
    if own and any(one.kind == PYTHON and one.setting.startswith("uv") for one in answers):
        text = (
            f"pip of this host takes packages from {own[0].url}, and uv, which makes the environments, does not read"
            " that setting."
        )
        yield Finding(WARNING, "index", PYTHON, text, "Set release_python_index to that address.", own[0].setting)
