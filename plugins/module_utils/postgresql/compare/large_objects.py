# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Large objects: content and length, whatever pages it is cut into, and owners and rights under the map of roles.

A hole in a large object reads as zeros, and a restored one has the zeros written out: both are one content.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .kinds.base import rights
from .mapping import Roles, found, spelled
from .result import Difference, TableResult
from .rows import Sides, differing_rows, scan, streams, together, total
from .tables import BUCKETS, Plan, Table

NAME = "large objects"
KIND = "large object"
RIGHTS = rights("m.lomacl", "L", "m.lomowner")
_PAGE = "(current_setting('block_size')::integer / 4)"
_TRIMMED = "rtrim(encode(l.data, 'hex'), '0')"
_CONTENT = f"""SELECT m.oid, coalesce(max(l.pageno::bigint * {_PAGE} + length(l.data)), 0) AS length,
  coalesce(sum(hashtextextended(l.pageno || ':' || {_TRIMMED}, 0)) FILTER (WHERE {_TRIMMED} <> ''), 0) AS content
FROM pg_largeobject_metadata m LEFT JOIN pg_largeobject l ON l.loid = m.oid"""
_HASH = "hashtextextended(o.oid || ':' || o.length || ':' || o.content, 0)"
OWNERS = f"""SELECT pg_get_userbyid(m.lomowner), {RIGHTS}, count(*), sum(hashint8extended(m.oid::bigint, 0))
FROM pg_largeobject_metadata m GROUP BY m.lomowner, m.lomacl"""
EACH_OWNER = (
    f"SELECT m.oid::bigint, pg_get_userbyid(m.lomowner), {RIGHTS} FROM pg_largeobject_metadata m ORDER BY m.oid"
)


class LargeObjects(Plan):
    """The large objects of a database as if they were rows with their number as the key."""

    def __init__(self) -> None:
        super().__init__(Table(NAME, "r", 0, ("oid",), {"oid": "oid"}, ("oid",)), _HASH, "x")

    def digests(self, source: str = "") -> str:
        return f"SELECT (o.oid::bigint & {BUCKETS - 1}), count(*), sum({_HASH}) FROM ({_CONTENT} GROUP BY m.oid) o GROUP BY 1"

    def rows(self, buckets: list[int]) -> str:
        where = f"(m.oid::bigint & {BUCKETS - 1}) IN ({', '.join(map(str, buckets))})"
        inner = f"{_CONTENT} WHERE {where} GROUP BY m.oid"
        return f'SELECT o.oid::text, {_HASH}, o.length, NULL FROM ({inner}) o ORDER BY o.oid::text COLLATE "C"'


def compare(sides: Sides, roles: Roles, datastore: str, most: int) -> tuple[TableResult, list[Difference]]:
    """Count and digest, and each large object that differs, by its number."""
    plan, both = LargeObjects(), [{}, {}]  # type: LargeObjects, list[Any]

    def look(index: int) -> None:
        with sides[index].session() as session:
            both[index] = (scan(session, plan), session.query(OWNERS))

    together(sides, [lambda index=index: look(index) for index in (0, 1)])
    (one, owners), (other, others) = both
    counts = [sum(count for count, __ in each.values()) for each in (one, other)]
    result = TableResult(*counts, total(one), total(other))
    buckets = sorted(bucket for bucket in one.keys() | other.keys() if one.get(bucket) != other.get(bucket))
    differences = list(_contents(sides, plan, buckets, datastore)) if buckets else []
    if _groups(owners, roles, True) != _groups(others, roles, False):
        differences += _owners(sides, roles, datastore)
    left = len(differences) - most
    more = [Difference(datastore, KIND, NAME, f"{left} more large objects differ")] if left > 0 else []
    return result, [*differences[:most], *more]


def _contents(sides: Sides, plan: LargeObjects, buckets: list[int], datastore: str) -> Iterator[Difference]:
    with streams(sides, plan.rows(buckets)) as (source, target):
        for row in differing_rows(plan, source, target):
            number = row.key[0]
            if row.source is None or row.target is None:
                text = f"large object {number} is on the {'source' if row.target is None else 'target'} only"
                yield Difference(datastore, KIND, number, text, {"oid": number})
                continue
            lengths = {"length": row.source[1]}, {"length": row.target[1]}
            text = f"large object {number} differs in content ({row.source[1]} bytes on the source, {row.target[1]} on the target)"
            yield Difference(datastore, KIND, number, text, {"oid": number}, ("content",), *lengths)


def _groups(rows: list[tuple[Any, ...]], roles: Roles, mapped: bool) -> dict[Any, tuple[int, int]]:
    result: dict[Any, tuple[int, int]] = {}
    for owner, acl, count, numbers in rows:
        key = _meant(owner, acl, roles, mapped)
        known = result.get(key, (0, 0))
        result[key] = (known[0] + count, known[1] + int(numbers))
    return result


def _meant(owner: str, acl: list[Any], roles: Roles, mapped: bool) -> tuple[str, frozenset[Any]]:
    if mapped:
        return roles.owner(owner), frozenset(roles.expected(owner, acl))
    return owner, frozenset(found(owner, acl))


def _owners(sides: Sides, roles: Roles, datastore: str) -> Iterator[Difference]:
    """Owners and rights one by one; what is on one side only has been told with the contents."""
    with streams(sides, EACH_OWNER) as (source, target):
        left, right = iter(source), iter(target)
        one, other = next(left, None), next(right, None)
        while one is not None and other is not None:
            if one[0] == other[0]:
                yield from _owner(one, other, roles, datastore)
            step_left, step_right = one[0] <= other[0], other[0] <= one[0]
            one = next(left, None) if step_left else one
            other = next(right, None) if step_right else other


def _owner(one: tuple[Any, ...], other: tuple[Any, ...], roles: Roles, datastore: str) -> Iterator[Difference]:
    number = str(one[0])
    (owner, wanted), (is_owner, there) = _meant(*one[1:], roles, True), _meant(*other[1:], roles, False)
    if owner != is_owner:
        text = f"large object {number}: owner is {owner} on the source and {is_owner} on the target"
        yield Difference(
            datastore, KIND, number, text, {"oid": number}, ("owner",), {"owner": owner}, {"owner": is_owner}
        )
    if wanted != there:
        lost, added = ([spelled(right) for right in sorted(each)] for each in (wanted - there, there - wanted))
        text = f"large object {number}: " + "; ".join(
            f"{verb} {', '.join(each)}" for verb, each in (("lost", lost), ("added", added)) if each
        )
        yield Difference(
            datastore, KIND, number, text, {"oid": number}, ("rights",), {"rights": lost}, {"rights": added}
        )
