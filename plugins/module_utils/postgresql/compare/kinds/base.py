# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a kind of object is to the comparison: a query that gives each object's name and what is to be equal of it.

A query returns two columns, the object's name and a ``jsonb`` of attributes. Some are known by name and are compared under
the map of roles: ``owner`` (a role), ``rights`` (see :func:`rights`), ``owner_of`` (whom rights call the owner, compared
elsewhere), ``roles`` (a list of roles) and ``role``, which stands for ``{role}`` in the object's name. ``definition`` is
SQL text that majors print differently. Names that begin with ``secret_`` are shown as digests only. OIDs, numbers of
columns and whatever else a restored object has anew never enter a query.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ...fence.travel import OUTSIDE

FIRST_OWN_OID = 16384
"""Objects with lower identifiers came with the server."""

OWN_SCHEMA = f"n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND {OUTSIDE}"
"""Without the fence, which belongs to one side."""


@dataclass(frozen=True)
class Kind:
    """``query`` gives the statement for a major version; ``since`` is the first one that knows the kind."""

    name: str
    query: Callable[[int], str]
    since: int = 0
    cluster: bool = False
    """Whether it belongs to the server and not to a database."""


def kind(name: str, query: str | Callable[[int], str], since: int = 0, cluster: bool = False) -> Kind:
    return Kind(name, query if callable(query) else lambda __: query, since, cluster)


def rights(acl: str, letter: str, owner: str) -> str:
    """All privileges as ``[grantee, privilege, may be passed on, by whom]``; those by default are spelt out."""
    return f"""(SELECT coalesce(jsonb_agg(jsonb_build_array(
        CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee) END,
        a.privilege_type, a.is_grantable, pg_get_userbyid(a.grantor))), '[]')
      FROM aclexplode(coalesce({acl}, acldefault('{letter}', {owner}))) a)"""


def own(catalogue: str, oid: str) -> str:
    """Only what no extension has made."""
    return f"""NOT EXISTS (SELECT FROM pg_depend e
      WHERE e.classid = '{catalogue}'::regclass AND e.objid = {oid} AND e.deptype = 'e')"""


def by_itself(catalogue: str, oid: str) -> str:
    """Only what the server has not made as a part of something else, like the functions of a range type."""
    return f"""NOT EXISTS (SELECT FROM pg_depend e
      WHERE e.classid = '{catalogue}'::regclass AND e.objid = {oid} AND e.deptype IN ('e', 'i'))"""


def identity(catalogue: str, oid: str) -> str:
    """The server's own name of an object, qualified and alike in all majors."""
    return f"(SELECT i.identity FROM pg_identify_object('{catalogue}'::regclass, {oid}, 0) i)"


def sorted_options(options: str) -> str:
    """``name=value`` texts in the order of their names, without the counter that servers of late keep there themselves."""
    return f"(SELECT jsonb_agg(o ORDER BY o) FROM unnest({options}) o WHERE o NOT LIKE 'pg\\_attver=%')"


def qualified(schema: str, name: str) -> str:
    return f"format('%I.%I', {schema}, {name})"


def collation(oid: str) -> str:
    """A collation's name, NULL where there is none or it is the default."""
    return f"""(SELECT CASE WHEN cn.nspname = 'pg_catalog' THEN co.collname::text ELSE format('%I.%I', cn.nspname, co.collname) END
      FROM pg_collation co JOIN pg_namespace cn ON cn.oid = co.collnamespace WHERE co.oid = {oid} AND co.collname <> 'default')"""
