# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The objects of two databases, kind by kind, under the map of roles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..fence import travel
from ..objects import POOLER_SCHEMA
from . import definitions
from .kinds import KINDS
from .mapping import PUBLIC, Right, Roles, found, known_to_both, spelled
from .result import Difference, digest
from .session import Side

Attributes = Mapping[str, Any]
Objects = Mapping[str, Mapping[str, Attributes]]
"""By kind and name, what is to be equal of an object."""

OUR_SCHEMAS = (POOLER_SCHEMA,)
"""Schemas that the collection itself keeps in a native database."""
SYSTEM = "rights on a part of the system"
SQL = frozenset({"definition", "using", "check", "default"})
UNSEEN = frozenset({"of", "role", "bootstrap", "used", "as", "owner_of"})
"""Attributes that serve the comparison and are not compared themselves."""
ROLE_BY = {"setting": "grantee", "user mapping": "grantee", "default privileges": "owner"}
SEQUENCE_VALUES = "SELECT %s, (SELECT jsonb_build_object('last_value', last_value, 'is_called', is_called) FROM %s)"
BATCH = 200


@dataclass
class Report:
    differences: list[Difference] = field(default_factory=list)
    intended: list[Difference] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def gather(side: Side) -> dict[str, dict[str, Attributes]]:
    """Everything that the side's database holds."""
    result = {
        kind.name: {name: each for name, each in side.query(kind.query(side.major)) if not travel.stays(kind.name, name)}
        for kind in KINDS
        if kind.since <= side.major
    }
    if side.query(travel.INSTALLED):
        lent = [name for name in result[SYSTEM] if travel.writes_large_objects(name)]
        for name in lent:
            del result[SYSTEM][name]
    names = list(result["sequence"])
    for start in range(0, len(names), BATCH):
        parts = [SEQUENCE_VALUES % (_literal(name), name) for name in names[start : start + BATCH]]
        for name, values in side.query(" UNION ALL ".join(parts)):
            result["sequence"][name].update(values)
    return result


def compare(source: Objects, target: Objects, majors: tuple[int, int], roles: Roles, datastore: str) -> Report:
    """All differences between what the source has and what the target should have."""
    known = {grantee for role in ("", *source["role"]) for grantee in (*roles.as_grantees(role), roles.owner(role))}
    comparison = _Comparison(majors, roles, datastore, known, Report())
    absent = {name for name in source["relation"] if name not in target["relation"]}
    absent |= {name for name in target["relation"] if name not in source["relation"]}
    for kind in KINDS:
        ours = dict(comparison.renamed(kind.name, source.get(kind.name, {})))
        theirs = dict(comparison.as_found(kind.name, target.get(kind.name, {})))
        for name in sorted({*ours, *theirs}):
            one, other = ours.get(name), theirs.get(name)
            if not _belongs_to(absent, kind.name, name, one or other or {}):
                comparison.object(kind.name, name, one, other)
    comparison.report.differences = _once(comparison.report.differences)
    return comparison.report


@dataclass
class _Comparison:
    majors: tuple[int, int]
    roles: Roles
    datastore: str
    known: set[str]
    """Roles of the target that stand for one of the source."""
    report: Report

    def renamed(self, kind: str, objects: Mapping[str, Attributes]) -> Iterator[tuple[str, Attributes]]:
        """The source's objects by the names that they are to have on the target."""
        for name, attributes in objects.items():
            if kind in ("role", "setting") and attributes["role"] in self.roles.elsewhere:
                continue
            if kind == "role" and (not self.roles.map.is_carried(attributes["role"])):
                continue
            if kind == "membership":
                yield from self._memberships(attributes)
            elif kind in ROLE_BY and attributes["role"] != PUBLIC:
                role = attributes["role"]
                names = (self.roles.owner(role),) if ROLE_BY[kind] == "owner" else self.roles.as_grantees(role)
                for each in names:
                    yield name.replace("{role}", each), {**attributes, "as": each}
            else:
                yield name.replace("{role}", PUBLIC), attributes

    def as_found(self, kind: str, objects: Mapping[str, Attributes]) -> Iterator[tuple[str, Attributes]]:
        for name, attributes in objects.items():
            if kind != "role" or not attributes["bootstrap"]:
                yield name.replace("{role}", attributes.get("role") or ""), attributes

    def _memberships(self, attributes: Attributes) -> Iterator[tuple[str, Attributes]]:
        if self.roles.elsewhere & {attributes["member"], attributes["group"]}:
            return
        for member in self.roles.as_grantees(attributes["member"]):
            for group in self.roles.as_grantees(attributes["group"]):
                yield f"{member} in {group}", {**attributes, "member": member, "group": group}

    def object(self, kind: str, name: str, source: Attributes | None, target: Attributes | None) -> None:
        if kind == "default privileges":
            source, target = source or self._no_rights(target), target or self._no_rights(source)
        if source is None or target is None:
            self._alone(kind, name, source, target)
            return
        differing, intended = {}, {}
        for attribute in sorted((source.keys() | target.keys()) - UNSEEN):
            values = self._attribute(kind, attribute, source, target)
            if values is not None:
                meant, *values = values
                (intended if meant else differing)[attribute] = values
        self._add(self.report.differences, kind, name, differing)
        self._add(self.report.intended, kind, name, intended)

    @staticmethod
    def _no_rights(other: Attributes | None) -> Attributes:
        role = (other or {}).get("as") or (other or {}).get("role")
        return {"role": role, "rights": [], "revoked": []}

    def _alone(self, kind: str, name: str, source: Attributes | None, target: Attributes | None) -> None:
        """An object that only one side has."""
        if kind == SYSTEM and (source or target or {}).get("rights") is not None:
            one, other = (
                each or {"owner_of": (target or source or {})["owner_of"], "rights": [], "revoked": []}
                for each in (source, target)
            )
            self.object(kind, name, one, other)
            return
        where = "source" if source is not None else "target"
        present = {
            attribute: _shown(attribute, value)
            for attribute, value in (source or target or {}).items()
            if attribute not in UNSEEN
        }
        sides = {"source": present if source is not None else None, "target": present if target is not None else None}
        text = f"{kind} {self._named(name)} is on the {where} only"
        difference = Difference(self.datastore, kind, self._named(name), text, **sides)
        if source is None and target is not None and self._ours(kind, name, target):
            self.report.intended.append(difference)
        elif target is None and self.roles.back and _kept_by_us(kind, name):
            self.report.intended.append(difference)
        elif kind == "role" and source is not None and not source["used"]:
            self.report.notes.append(f"role {name} is on the source only; nothing in this database refers to it")
        elif kind == "tablespace":
            self.report.notes.append(
                f"tablespace {name} is on the {where} only: where files lie is each host's own affair"
            )
        elif not (source is None and kind in ("role", "membership", "parameter")):
            self.report.differences.append(difference)

    def _ours(self, kind: str, name: str, target: Attributes) -> bool:
        """Whether the collection keeps this object in native databases by its own will."""
        if kind == "setting":
            return target["role"] in self.roles.native or target["role"] not in (PUBLIC, *self.known)
        return _kept_by_us(kind, name)

    def _attribute(
        self, kind: str, attribute: str, source: Attributes, target: Attributes
    ) -> tuple[bool, Any, Any] | None:
        """None where both are alike; else whether it is meant so, and the two values."""
        if attribute in ("rights", "revoked"):
            return self._rights(kind, attribute, source, target)
        one, other = source.get(attribute), target.get(attribute)
        if attribute == "owner" and one is not None:
            one = self.roles.owner(one, _owned_as(kind, source))
        if attribute == "roles":
            one = sorted(
                {grantee for role in one for grantee in (self.roles.as_grantees(role) if role != PUBLIC else (PUBLIC,))}
            )
            also = {self.roles.owner(role) for role in source["roles"]}
            other = sorted(set(other) - (also - set(one)))
        if one == other or (attribute in SQL and definitions.same(one, self.majors[0], other, self.majors[1])):
            return None
        if self._not_comparable(kind, attribute):
            return None
        return self._meant(kind, attribute, source, target), one, other

    def _not_comparable(self, kind: str, attribute: str) -> bool:
        """What one of the two majors does not know, and what this comparison has noted itself."""
        oldest = min(self.majors)
        return (
            (kind == "database" and attribute == "restoring")
            or (kind == "membership" and attribute in ("inherit", "set") and oldest < 16)
            or (kind == "column" and attribute == "compression" and oldest < 14)
            or (kind == "sequence" and attribute == "persistence" and oldest < 15)
            or (kind == "type" and attribute in ("range", "base") and oldest < 14)
            or (kind == "extension" and attribute == "is_default_version")
        )

    def _meant(self, kind: str, attribute: str, source: Attributes, target: Attributes) -> bool:
        if kind == "role" and attribute == "superuser":
            return bool(source["superuser"]) or self.roles.back
        if kind == "schema" and attribute == "owner":
            # From 15 on schema public belongs to whoever owns the database.
            return target["owner"] == "pg_database_owner" and min(self.majors) < 15 <= max(self.majors)
        if kind == "extension" and attribute == "version":
            return self.majors[0] != self.majors[1] and source["is_default_version"] and target["is_default_version"]
        if kind == "database":
            return attribute in ("connection_limit", "allows_connections") and target.get("restoring", False)
        return attribute == "tablespace"

    def _rights(
        self, kind: str, attribute: str, source: Attributes, target: Attributes
    ) -> tuple[bool, Any, Any] | None:
        owners = [side.get("owner") or side.get("owner_of") or side.get("role") for side in (source, target)]
        wanted = known_to_both(self.roles.expected(owners[0], source[attribute]), self.majors)
        there = known_to_both(found(owners[1], target[attribute]), self.majors)
        # What is granted to a migration's own roles stays where these are.
        lost, added = (
            {right for right in rights if not travel.stays("role", right[0])}
            for rights in (wanted - there, there - wanted)
        )
        given = {right for right in added if attribute == "rights" and self._tolerated(kind, source, target, right)}
        taken = {right for right in lost if right[0] == PUBLIC and kind in ("schema", "database")}
        if lost - taken or added - given:
            return False, _spelled(lost - taken), _spelled(added - given)
        return (True, _spelled(taken), _spelled(given)) if taken else None

    def _tolerated(self, kind: str, source: Attributes, target: Attributes, right: Right) -> bool:
        if kind != "default privileges":
            return self.roles.tolerates(kind, right)
        return target["role"] == self.roles.map.owner and any(
            self.roles.tolerates(each, right) for each in ("relation", "sequence", "function", "schema")
        )

    def _add(self, to: list[Difference], kind: str, name: str, values: Mapping[str, list[Any]]) -> None:
        if not values:
            return
        shown = {attribute: [_shown(attribute, value) for value in both] for attribute, both in values.items()}
        one, other = ({attribute: both[index] for attribute, both in shown.items()} for index in (0, 1))
        text = (
            f"{kind} {self._named(name)}: {', '.join(_sentence(attribute, *both) for attribute, both in shown.items())}"
        )
        to.append(Difference(self.datastore, kind, self._named(name), text, None, tuple(shown), one, other))

    def _named(self, name: str) -> str:
        return name or self.datastore


def _once(differences: list[Difference]) -> list[Difference]:
    """Without the comments of objects that are themselves missing."""
    gone = tuple(
        f" {each.object}" for each in differences if each.kind != "comment" and None in (each.source, each.target)
    )
    return [each for each in differences if each.kind != "comment" or not each.object.endswith(gone)]


def _kept_by_us(kind: str, name: str) -> bool:
    """Whether it is in a schema of ours; a comment is somebody's word."""
    return kind != "comment" and any(name == schema or name.startswith(f"{schema}.") for schema in OUR_SCHEMAS)


def _belongs_to(absent: Iterable[str], kind: str, name: str, attributes: Attributes) -> bool:
    """Whether the object is a part of a relation that is itself missing on one side: that is said once."""
    of = attributes.get("of") or (
        name.rpartition(" on ")[2] if kind in ("constraint", "trigger", "rule", "policy", "comment") else ""
    )
    return of in absent


def _owned_as(kind: str, attributes: Attributes) -> str:
    """The kind in the words of the map of roles."""
    if kind == "publication" and (attributes["all_tables"] or attributes["schemas"]):
        return "publication of all tables" if attributes["all_tables"] else "publication of a schema"
    return kind.replace("foreign data", "foreign-data")


def _sentence(attribute: str, one: Any, other: Any) -> str:
    word = attribute.removeprefix("secret_").replace("_", " ")
    if word in ("rights", "revoked"):
        verbs = ("lost", "added") if word == "rights" else ("no longer revoked", "revoked")
        return "; ".join(f"{verb} {', '.join(each)}" for verb, each in zip(verbs, (one, other), strict=True) if each)
    return f"{word} is {_short(one)} on the source and {_short(other)} on the target"


def _short(value: Any) -> str:
    text = "not set" if value is None else " ".join(str(value).split())
    return text if len(text) <= 80 else f"{text[:77]}..."


def _shown(attribute: str, value: Any) -> Any:
    return digest(value) if attribute.startswith("secret_") and value is not None else value


def _spelled(rights: Iterable[Right]) -> list[str]:
    return sorted(spelled(right) for right in rights)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
