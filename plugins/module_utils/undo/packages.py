# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which packages may go: those that came with us, unless something that stays needs them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from .model import Package

POSTGRESQL = re.compile(r"postgresql-([0-9]+|common)")
ENGINES = {"/var/lib/postgresql": POSTGRESQL, "/var/lib/redis": re.compile(r"redis-(server|tools)")}
"""Whose scripts delete the data below a directory, or what it takes to start with it, when they are purged."""


def needed(packages: Mapping[str, Package], going: Collection[str]) -> dict[str, str]:
    """Of the packages that are to go, those that must stay, each with who needs it; what these need stays with them."""
    staying: dict[str, str] = {}
    asking = [name for name, package in packages.items() if package.state == "i" and name not in going]
    while asking:
        name = asking.pop()
        for alternatives in packages[name].needs:
            have = [
                each
                for each, package in packages.items()
                if package.state == "i" and alternatives & {each, *package.provides}
            ]
            if have and all(each in going and each not in staying for each in have):
                staying[have[0]] = name
                asking.append(have[0])
    return staying


def with_needs(packages: Mapping[str, Package], names: Collection[str], going: Collection[str]) -> set[str]:
    """Packages with all that they need among those that are to go."""
    rest = {name: package for name, package in packages.items() if name not in names}
    kept = {name: packages[name] for name in names}
    return set(names) | set(needed({**rest, **kept}, [name for name in going if name not in names]))


def keeps_data(name: str, directories: Collection[str]) -> bool:
    """Whether purging a package would delete one of the kept directories."""
    return any(
        pattern.fullmatch(name) and any(each == root or each.startswith(f"{root}/") for each in directories)
        for root, pattern in ENGINES.items()
    )


def parse(output: str) -> dict[str, Package]:
    """Reads ``dpkg-query --show`` with :data:`QUERY`."""
    found: dict[str, Package] = {}
    for line in output.splitlines():
        name, status, version, depends, early, provides = line.split("\t")
        if status[1] not in "iUFHWtr" and status[1] != "c":
            continue
        state = "r" if status[1] == "c" else "i"
        needs = tuple(_names(part) for part in f"{depends},{early}".split(",") if part.strip())
        found[name] = Package(state, version, needs, frozenset().union(*(_names(part) for part in provides.split(","))))
    return found


QUERY = ("${Package}", "${db:Status-Abbrev}", "${Version}", "${Depends}", "${Pre-Depends}", "${Provides}")


def _names(text: str) -> frozenset[str]:
    """The names in ``a (>= 1) | b:any``."""
    return frozenset(word for part in text.split("|") if (word := re.split(r"[\s(:]", part.strip())[0]))
