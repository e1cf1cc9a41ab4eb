# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start waves: who waits for whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def waves(after: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Services in the order of their start: each wave needs only those before it.

    `after` names for each service those that must be healthy before it; unknown names are left out.
    Raises ValueError on a cycle, with the cycle as text.
    """
    left = {name: {other for other in others if other in after} for name, others in after.items()}
    ordered: list[list[str]] = []
    while left:
        wave = [name for name, others in left.items() if not others]
        if not wave:
            raise ValueError(" → ".join(cycle(left)))
        ordered.append(wave)
        left = {name: others.difference(wave) for name, others in left.items() if name not in wave}
    return ordered


def cycle(after: Mapping[str, Iterable[str]]) -> list[str]:
    """One cycle, beginning and ending with the same name; empty where there is none."""
    done: set[str] = set()
    for start in sorted(after):
        path: list[str] = []
        found = _walk(after, start, path, done)
        if found:
            return found
    return []


def _walk(after: Mapping[str, Iterable[str]], name: str, path: list[str], done: set[str]) -> list[str]:
    if name in path:
        return [*path[path.index(name) :], name]
    if name in done or name not in after:
        return []
    path.append(name)
    for other in sorted(after[name]):
        found = _walk(after, other, path, done)
        if found:
            return found
    path.pop()
    done.add(name)
    return []
