# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the data of one Redis gets into another, and what stands against it. Decided before anything is changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..findings import BLOCKING, NOTE, Finding
from .facts import TYPES, Facts

REPLICA, RESTORE, TYPEWISE = "replica", "restore", "typewise"
WAYS = (REPLICA, RESTORE, TYPEWISE)
OVERHEAD = 1.1
"""The same data may take a little more room in another server."""
EXPIRING_FIELDS = (7, 4)
VECTORS = (8, 0)


@dataclass(frozen=True)
class Wish:
    """What is asked for. ``indices``: source → target, empty for all as they are. ``replace``: what the target holds is
    superseded. ``ours``: an earlier attempt of ours followed the source, and what the target holds came from there. ``spare``:
    where an earlier attempt put the data. ``closed``: no application may write to the target while data arrives."""

    indices: Mapping[int, int] = field(default_factory=dict)
    way: str = "auto"
    replace: bool = False
    ours: bool = False
    closed: bool = True
    spare: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """``indices``: source → where the data is until it is activated; ``final``: source → where it belongs."""

    way: str
    reasons: tuple[str, ...]
    findings: tuple[Finding, ...]
    indices: Mapping[int, int]
    final: Mapping[int, int]
    keys: int
    bytes: int

    def as_dict(self) -> dict[str, Any]:
        """What a module returns of it."""
        return {
            "way": self.way,
            "reasons": list(self.reasons),
            "findings": [each.as_dict() for each in self.findings],
            "indices": {str(index): into for index, into in self.indices.items()},
            "keys": self.keys,
            "bytes": self.bytes,
        }


def plan(source: Facts, target: Facts, wish: Wish, census: Mapping[str, int] | None = None) -> Plan:
    """``census``: keys of the source by type, where it was counted."""
    final = _final(source, target, wish)
    way, reasons, findings = _way(source, target, wish, final, census or {})
    findings += _state(source, target, wish, final, way)
    findings += _room(source, target, way)
    indices = dict(final)
    if way != REPLICA:
        indices, more = spare(target, final, wish.spare)
        findings += more
    keys = sum(each.keys for index, each in source.indices.items() if index in final)
    return Plan(way, tuple(reasons), tuple(findings), indices, final, keys, source.used)


def foreseen(source: Facts, wish: Wish) -> Plan:
    """The plan for a server that is not installed yet: taken for an empty one of the source's release."""
    empty = {"title": "Redis on this host", "run_id": "", "role": "master", "cluster": False, "indices": {}, "used": 0, "free": None}
    target = replace(source, **empty, maxmemory=0, functions=0, writers=())
    planned = plan(source, target, wish)
    text = "Redis is not installed on this host yet: its release, memory and content are looked at when it is, before the copy."
    return replace(planned, findings=(*planned.findings, Finding(NOTE, "redis-target-later", target.title, text)))


def _final(source: Facts, target: Facts, wish: Wish) -> dict[int, int]:
    """Where each database of the source belongs. What only the target has is superseded too, and comes out empty."""
    if wish.indices:
        return dict(sorted(wish.indices.items()))
    superseded = {index for index, each in target.indices.items() if each.keys} if wish.replace else set()
    return {index: index for index in sorted(set(source.indices) | (superseded - set(wish.spare.values())))}


def _way(
    source: Facts, target: Facts, wish: Wish, final: Mapping[int, int], census: Mapping[str, int]
) -> tuple[str, list[str], list[Finding]]:
    """The way, why, and what can't be carried by it."""
    newer = _newer(source, target)
    foreign = {
        kind: count
        for kind, count in census.items()
        if kind not in TYPES and not (kind == "vectorset" and target.at_least(*VECTORS))
    }
    reasons, findings = [], []
    if newer:
        reasons.append(
            f"the source ({source.release}) is newer than the target ({target.release}), which can't read its serialised data"
        )
        best = TYPEWISE
    elif any(final[index] != index for index in final) or set(source.indices) - set(final):
        reasons.append("only some databases move, or get other numbers, and a server follows another one as a whole")
        best = RESTORE
    elif source.modules - target.modules:
        reasons.append(
            f"the source has modules that the target lacks ({', '.join(sorted(source.modules - target.modules))})"
        )
        best = RESTORE
    elif wish.replace and target.product != source.product:
        best = RESTORE
    elif wish.replace:
        reasons.append("what the target holds stays until the new content is verified")
        best = RESTORE
    else:
        reasons.append(f"the target ({target.release}) is of the same age as the source ({source.release}) or newer")
        best = REPLICA
    way = best if wish.way == "auto" else wish.way
    if wish.way != "auto":
        reasons.append("it was asked for")
    if newer and way != TYPEWISE:
        findings.append(
            Finding(
                BLOCKING,
                "redis-source-newer",
                source.title,
                f"{source.title} is {source.release}, newer than {target.title} with {target.release}: by way of {way} the target "
                "would empty itself and then fail.",
                "Leave way at auto, which copies type by type.",
            )
        )
    for kind, count in sorted(foreign.items()):
        findings.append(
            Finding(
                BLOCKING,
                "redis-type-unknown",
                kind,
                f"{count} keys are of the type {kind}, which {target.release} without the source's modules does not know.",
                "Remove them, or give the target a server that knows them.",
            )
        )
    fields = sum(each.expiring_fields for index, each in source.indices.items() if index in final)
    if fields and not target.at_least(*EXPIRING_FIELDS):
        findings.append(
            Finding(
                BLOCKING,
                "redis-fields-expire",
                source.title,
                f"{fields} hashes have fields that expire by themselves, which {target.release} does not know.",
                "Remove these times (HPERSIST), or take a newer target.",
            )
        )
    if source.functions and not target.at_least(7):
        text = f"The source has {source.functions} libraries of functions, which {target.release} does not know."
        findings.append(
            Finding(BLOCKING, "redis-functions", source.title, text, "Take a newer target, or delete the libraries.")
        )
    return way, reasons, findings


def _newer(source: Facts, target: Facts) -> bool:
    """Whether serialised data of the source may be unknown to the target. Valkey before 9 reads and writes that of Redis 7.2."""
    ages = [
        (7, 2) if each.product == "Valkey" and each.version < (9,) else each.version[:2] for each in (source, target)
    ]
    if source.product != target.product and max(ages) > (7, 2):
        return ages[0] > (7, 2) or source.product == "Valkey"
    return ages[0] > ages[1]


def _state(source: Facts, target: Facts, wish: Wish, final: Mapping[int, int], way: str) -> list[Finding]:
    found = []
    if source.cluster or target.cluster:
        title = source.title if source.cluster else target.title
        found.append(
            Finding(
                BLOCKING, "redis-cluster", title, f"{title} is part of a cluster.", "Only single servers are moved."
            )
        )
    if source.run_id and source.run_id == target.run_id:
        text = f"{source.title} and {target.title} are one and the same server."
        found.append(Finding(BLOCKING, "redis-same", target.title, text, "Name another target."))
    if target.writers and wish.closed:
        found.append(
            Finding(
                BLOCKING,
                "redis-target-open",
                target.title,
                f"Others may already write to {target.title}: {', '.join(target.writers)}.",
                "While data arrives, only the administrator may; users are let in when the content is verified.",
            )
        )
    held = {index: each.keys for index, each in target.indices.items() if way == REPLICA or index in final.values()}
    ours = wish.ours and way == REPLICA
    if any(held.values()) and not (ours or wish.replace):
        where = ", ".join(f"{count} in database {index}" for index, count in sorted(held.items()) if count)
        found.append(
            Finding(
                BLOCKING,
                "redis-target-not-empty",
                target.title,
                f"{target.title} holds {sum(held.values())} keys that are not ours ({where}); nothing was changed.",
                "Move them away or delete them (FLUSHDB), if nobody needs them.",
            )
        )
    if too_high := sorted(index for index in final.values() if index >= target.databases):
        text = (
            f"{target.title} has {target.databases} numbered databases, and {', '.join(map(str, too_high))} is needed."
        )
        found.append(Finding(BLOCKING, "redis-databases", target.title, text, "Raise redis_settings.databases."))
    policy = source.settings.get("maxmemory-policy", "noeviction")
    if policy != "noeviction" and target.settings.get("maxmemory-policy") != policy:
        text = (
            f"The source forgets keys when memory runs out ({policy}); the target does not, and refuses writes instead."
        )
        found.append(
            Finding(
                NOTE, "redis-eviction", source.title, text, "Set redis_settings.maxmemory-policy if that was meant."
            )
        )
    return found


def _room(source: Facts, target: Facts, way: str) -> list[Finding]:
    """Memory, and the disk of the target's files: serialised twice, while they are written anew."""
    found, mb = [], 1 << 20
    needed = int(source.used * OVERHEAD) + (0 if way == REPLICA else target.used)
    if target.maxmemory and needed > target.maxmemory:
        text = (
            f"{target.title} may use {target.maxmemory // mb} MB, and about {needed // mb + 1} MB are needed "
            f"({source.used // mb} MB in the source)."
        )
        remedy = "Raise redis_memory_share or redis_settings.maxmemory."
        found.append(Finding(BLOCKING, "redis-memory", target.title, text, remedy))
    if target.persistent and target.free is not None and source.dataset > target.free:
        text = (
            f"About {source.dataset // mb + 1} MB are needed for the files of {target.title}, and {target.free // mb} MB are "
            f"free on their disk ({target.settings['dir']})."
        )
        found.append(Finding(BLOCKING, "redis-disk", target.title, text, "Make room there."))
    return found


def spare(target: Facts, final: Mapping[int, int], known: Mapping[int, int]) -> tuple[dict[int, int], list[Finding]]:
    """Databases of the target where the data stays until it is whole and verified; the last ones, which hardly anybody uses.
    ``known``: where an earlier attempt put it."""
    if set(known) == set(final):
        return dict(known), []
    taken = {index for index, each in target.indices.items() if each.keys} | set(final.values())
    free = [index for index in reversed(range(target.databases)) if index not in taken]
    if len(free) < len(final):
        text = (
            f"{target.title} has {target.databases} numbered databases, {len(taken)} of them are in use or wanted, and "
            f"{len(final)} more are needed, in which the data stays until it is verified."
        )
        return dict(final), [
            Finding(BLOCKING, "redis-databases", target.title, text, "Raise redis_settings.databases.")
        ]
    return dict(zip(final, free, strict=False)), []
