# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs against what is wanted: settings of the live server compared by value, and what it takes to get there.

A file on disk says nothing of what a server uses: a reload may have been lost, another file may win. So it is the live
value that is compared, before and after.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ..changes import AT_BOOT, Change

BOOT_UNIT = "postgresql.service"
"""Debian starts every cluster by one unit."""
_SCALES = {"B": 1, "kB": 1024, "MB": 1024**2, "GB": 1024**3, "TB": 1024**4}
_TIMES = {"us": 1, "ms": 1000, "s": 10**6, "min": 60 * 10**6, "h": 3600 * 10**6, "d": 86400 * 10**6}
_NUMBER = re.compile(r"^\s*(-?\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*$")
_TRUTHS = {"on": True, "true": True, "yes": True, "1": True, "off": False, "false": False, "no": False, "0": False}


@dataclass(frozen=True)
class Live:
    """A row of ``pg_settings``: ``unit`` as ``8kB`` or ``ms``, ``context`` is ``postmaster`` where only a restart helps."""

    value: str
    unit: str | None = None
    kind: str = "string"
    context: str = "sighup"
    source: str = ""


@dataclass(frozen=True)
class Found:
    """The server as it is. ``files_newer``: a file it reads is younger than what it has read."""

    running: bool = False
    enabled: bool = False
    files_newer: bool = False
    errors: tuple[str, ...] = ()
    live: Mapping[str, Live] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    enable: bool = False
    start: bool = False
    reload: bool = False
    restart: bool = False
    changes: tuple[Change, ...] = ()

    @property
    def changed(self) -> bool:
        return self.enable or self.start or self.reload or self.restart


def plan(wanted: Mapping[str, str], found: Found, unit: str, changed_paths: Iterable[str] = ()) -> Plan:
    """A restart only where a differing setting needs it. ``changed_paths``: files that check mode only predicts as written."""
    changes = [] if found.enabled else [Change("unit", f"{BOOT_UNIT}{AT_BOOT}", "off", "on", action="enable")]
    if not found.running:
        return Plan(not found.enabled, True, changes=(*changes, Change("unit", unit, "stopped", "started", action="start")))
    different = differences(wanted, found.live)
    restart = any(found.live[name].context == "postmaster" for name in different)
    reload = not restart and bool(different or found.files_newer or list(changed_paths))
    changes += [Change("setting", name, found.live[name].value, wanted[name]) for name in different]
    if restart or reload:
        verb = "restart" if restart else "reload"
        changes.append(Change("unit", unit, "running", f"{verb}ed", action=verb))
    return Plan(not found.enabled, False, reload, restart, tuple(changes))


def differences(wanted: Mapping[str, str], live: Mapping[str, Live]) -> list[str]:
    """Names of settings whose live value is not the wanted one."""
    return sorted(name for name, value in wanted.items() if name in live and not same(value, live[name]))


def unknown(wanted: Mapping[str, str], live: Mapping[str, Live]) -> list[str]:
    """Names that this server does not know. Those with a dot belong to extensions that need not be loaded yet."""
    return sorted(name for name in wanted if name not in live and "." not in name)


def same(wanted: str, live: Live) -> bool:
    """Whether a value as a configuration file spells it is what the server says it uses."""
    if live.kind == "bool":
        return _TRUTHS.get(wanted.lower()) is _TRUTHS.get(live.value.lower())
    if live.kind in ("integer", "real"):
        ours, theirs = _quantity(wanted, live.unit), _quantity(live.value, live.unit)
        return ours is not None and theirs is not None and abs(ours - theirs) <= abs(theirs) * 1e-9
    return wanted == live.value


def _quantity(text: str, unit: str | None) -> float | None:
    """A number in bytes, microseconds or its own; a bare one counts in the setting's unit."""
    found = _NUMBER.match(text)
    if not found:
        return None
    number, suffix = float(found[1]), found[2]
    if number < 0 and not suffix:
        return number
    return number * (_scale(suffix) if suffix else _scale(unit or ""))


def _scale(unit: str) -> float:
    found = re.match(r"^(\d*)([A-Za-z]*)$", unit)
    if not found or not unit:
        return 1
    times, name = int(found[1] or 1), found[2]
    return times * (_SCALES.get(name) or _TIMES.get(name) or 1)


def explain(wanted: Mapping[str, str], live: Mapping[str, Live]) -> str:
    """Says which settings are not in effect and where the winning value stands; empty when all are."""
    lines = [
        f"{name} is {live[name].value}{live[name].unit or ''} by {live[name].source or 'default'}, wanted {wanted[name]}"
        for name in differences(wanted, live)
    ]
    if not lines:
        return ""
    return (
        f"PostgreSQL does not use what was written: {'; '.join(lines)}. Remove the other value "
        "(postgresql.auto.conf: ALTER SYSTEM RESET name), or set the wanted one in postgresql_settings."
    )
