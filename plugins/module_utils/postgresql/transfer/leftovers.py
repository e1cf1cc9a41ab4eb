# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What definitions and rows leave over: large objects, policies, user mappings, languages, materialised views.

pg_dump names the source's roles in policies and user mappings, forgets the handler of a language that the system provides,
and writes nothing of the others without the data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ..quoting import grantee, identifier, literal, qualified
from ..roles_map import RolesMap
from . import pipe

POLICIES = """
SELECT n.nspname, c.relname, p.polname, p.polpermissive, p.polcmd::text,
  ARRAY(SELECT CASE WHEN o = 0 THEN 'PUBLIC' ELSE pg_get_userbyid(o)::text END FROM unnest(p.polroles) o),
  pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)
FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_policy'::regclass AND d.objid = p.oid AND d.deptype = 'e')
ORDER BY 1, 2, 3"""
_COMMANDS = {"r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE", "*": "ALL"}
MAPPINGS = """
SELECT s.srvname, CASE WHEN u.umuser = 0 THEN 'PUBLIC' ELSE pg_get_userbyid(u.umuser)::text END,
  ARRAY(SELECT ARRAY[option_name, option_value] FROM pg_options_to_table(u.umoptions))
FROM pg_user_mapping u JOIN pg_foreign_server s ON s.oid = u.umserver ORDER BY 1, 2"""
LANGUAGES = """
SELECT l.lanname, l.lanpltrusted, h.oid::regproc::text, i.oid::regproc::text, v.oid::regproc::text
FROM pg_language l JOIN pg_proc h ON h.oid = l.lanplcallfoid LEFT JOIN pg_proc i ON i.oid = l.laninline
LEFT JOIN pg_proc v ON v.oid = l.lanvalidator
WHERE l.lanispl AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_language'::regclass AND d.objid = l.oid AND d.deptype = 'e')"""
VIEWS = """
WITH RECURSIVE views AS (
  SELECT c.oid, n.nspname, c.relname, c.relkind, c.relispopulated FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('m', 'v') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'),
needs AS (
  SELECT DISTINCT r.ev_class AS view, d.refobjid AS needed FROM pg_rewrite r
  JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass
  WHERE d.refobjid <> r.ev_class AND d.refobjid IN (SELECT oid FROM views) AND r.ev_class IN (SELECT oid FROM views)),
depth AS (
  SELECT oid, 0 AS level FROM views
  UNION SELECT n.view, depth.level + 1 FROM depth JOIN needs n ON n.needed = depth.oid WHERE depth.level < 100)
SELECT v.nspname, v.relname FROM views v JOIN depth USING (oid) WHERE v.relkind = 'm' AND v.relispopulated
GROUP BY 1, 2 ORDER BY max(depth.level), 1, 2"""
LARGE_OBJECTS = "SELECT count(*), coalesce(sum(length(data)), 0) FROM pg_largeobject_metadata m LEFT JOIN pg_largeobject l ON l.loid = m.oid"
LARGE_COMMENTS = "SELECT objoid::bigint, description FROM pg_description WHERE classoid = 'pg_largeobject'::regclass"
STAGE = "cryptobot_large_objects"


def policies(cursor: Any, roles: RolesMap) -> Iterator[str]:
    """CREATE POLICY statements under the map of roles."""
    cursor.execute(POLICIES)
    for schema, table, name, permissive, command, names, using, check in cursor.fetchall():
        native = sorted({each for role in names for each in roles.as_grantee(role)})
        yield (
            f"CREATE POLICY {identifier(name)} ON {qualified(schema, table)} AS {'PERMISSIVE' if permissive else 'RESTRICTIVE'} "
            f"FOR {_COMMANDS[command]} TO {', '.join(grantee(role) for role in native)}"
            + (f" USING ({using})" if using else "")
            + (f" WITH CHECK ({check})" if check else "")
        )


def user_mappings(cursor: Any, roles: RolesMap) -> Iterator[str]:
    """CREATE USER MAPPING statements; their options hold passwords, so they are never shown."""
    cursor.execute(MAPPINGS)
    for server, role, options in cursor.fetchall():
        given = ", ".join(f"{identifier(name)} {literal(value or '')}" for name, value in options)
        for native in roles.as_grantee(role):
            yield (
                f"CREATE USER MAPPING IF NOT EXISTS FOR {grantee(native)} SERVER {identifier(server)}"
                + (f" OPTIONS ({given})" if given else "")
            )


def languages(cursor: Any) -> dict[str, str]:
    """CREATE LANGUAGE statements with all functions named, by language."""
    cursor.execute(LANGUAGES)
    return {
        name: f"CREATE {'TRUSTED ' if trusted else ''}LANGUAGE {identifier(name)} HANDLER {handler}"
        + (f" INLINE {inline}" if inline else "")
        + (f" VALIDATOR {validator}" if validator else "")
        for name, trusted, handler, inline, validator in cursor.fetchall()
    }


def refreshes(cursor: Any) -> list[tuple[str, str]]:
    """Statements that fill the populated materialised views of the source, those that read others after them; by title."""
    cursor.execute(VIEWS)
    return [
        (f"{schema}.{name}", f"REFRESH MATERIALIZED VIEW {qualified(schema, name)}")
        for schema, name in cursor.fetchall()
    ]


def copy_large_objects(
    source: Any, target: Any, progress: Callable[[int], None], binary: bool = True
) -> tuple[int, int]:
    """Makes the source's large objects again with their numbers, holes included, in the target session's transaction.

    Count and bytes. Through a temporary table: the catalogue's own is not to be written by hand.
    """
    with source.cursor() as reader, target.cursor() as writer:
        reader.execute(LARGE_OBJECTS)
        count, size = reader.fetchone()
        if not count:
            return 0, 0
        shape = " (FORMAT binary)" if binary else ""
        writer.execute(f"CREATE TEMPORARY TABLE {STAGE}_names (id oid) ON COMMIT DROP")
        writer.execute(f"CREATE TEMPORARY TABLE {STAGE} (id oid, page integer, data bytea) ON COMMIT DROP")
        pipe.copy(
            source,
            f"COPY (SELECT oid FROM pg_catalog.pg_largeobject_metadata) TO STDOUT{shape}",
            target,
            f"COPY pg_temp.{STAGE}_names FROM STDIN{shape}",
        )
        pipe.copy(
            source,
            f"COPY (SELECT loid, pageno, data FROM pg_catalog.pg_largeobject) TO STDOUT{shape}",
            target,
            f"COPY pg_temp.{STAGE} FROM STDIN{shape}",
            progress,
        )
        writer.execute(f"SELECT count(pg_catalog.lo_create(id)) FROM pg_temp.{STAGE}_names")
        put = f"SELECT pg_catalog.lo_put(id, page::bigint * 2048, data) AS x FROM pg_temp.{STAGE} ORDER BY id, page"
        writer.execute(f"SELECT count(*) FROM ({put} OFFSET 0) s WHERE x IS NOT NULL OR true")
        reader.execute(LARGE_COMMENTS)
        for oid, text in reader.fetchall():
            writer.execute(f"COMMENT ON LARGE OBJECT {oid} IS {literal(text)}")
    return count, size
