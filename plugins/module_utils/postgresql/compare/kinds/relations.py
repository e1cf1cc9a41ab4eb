# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Schemas, tables, views, sequences, columns and indexes."""

from __future__ import annotations

from .base import OWN_SCHEMA, collation, identity, kind, own, qualified, rights, sorted_options

RELATION_KINDS = (
    "CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'v' THEN 'view' "
    "WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' ELSE c.relkind::text END"
)

SCHEMAS = f"""
SELECT quote_ident(n.nspname), jsonb_build_object(
    'owner', pg_get_userbyid(n.nspowner), 'rights', {rights("n.nspacl", "n", "n.nspowner")})
FROM pg_namespace n WHERE {OWN_SCHEMA} AND {own("pg_namespace", "n.oid")}"""

RELATIONS = f"""
SELECT {qualified("n.nspname", "c.relname")}, jsonb_build_object(
    'type', {RELATION_KINDS},
    'owner', pg_get_userbyid(c.relowner),
    'rights', {rights("c.relacl", "r", "c.relowner")},
    'persistence', c.relpersistence,
    'access_method', (SELECT amname FROM pg_am WHERE oid = c.relam),
    'tablespace', (SELECT spcname FROM pg_tablespace WHERE oid = c.reltablespace),
    'options', {sorted_options("c.reloptions")},
    'toast_options', {sorted_options("(SELECT x.reloptions FROM pg_class x WHERE x.oid = c.reltoastrelid)")},
    'row_security', c.relrowsecurity,
    'force_row_security', c.relforcerowsecurity,
    'replica_identity', CASE c.relkind WHEN 'r' THEN c.relreplident WHEN 'p' THEN c.relreplident END,
    'of_type', CASE WHEN c.reloftype > 0 THEN format_type(c.reloftype, NULL) END,
    'parents', (SELECT jsonb_agg({identity("pg_class", "i.inhparent")} ORDER BY i.inhseqno) FROM pg_inherits i WHERE i.inhrelid = c.oid),
    'partition_key', CASE c.relkind WHEN 'p' THEN pg_get_partkeydef(c.oid) END,
    'partition_bound', pg_get_expr(c.relpartbound, c.oid),
    'populated', c.relispopulated,
    'definition', CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END,
    'foreign_server', (SELECT s.srvname FROM pg_foreign_table f JOIN pg_foreign_server s ON s.oid = f.ftserver WHERE f.ftrelid = c.oid),
    'secret_options', {sorted_options("(SELECT f.ftoptions FROM pg_foreign_table f WHERE f.ftrelid = c.oid)")})
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND {OWN_SCHEMA} AND {own("pg_class", "c.oid")}"""


def columns(major: int) -> str:
    """Of tables, views and composite types, by their order among those that are still there.

    A partition has its parent's identity columns from 17 on, and no mark of it before.
    """
    compression = "nullif(a.attcompression, '')" if major >= 14 else "NULL::text"
    return f"""
SELECT {qualified("n.nspname", "c.relname")} || '.' || quote_ident(a.attname), jsonb_build_object(
    'of', {qualified("n.nspname", "c.relname")},
    'position', row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum),
    'type', format_type(a.atttypid, a.atttypmod),
    'not_null', a.attnotnull,
    'default', pg_get_expr(d.adbin, d.adrelid),
    'generated', a.attgenerated,
    'identity', CASE WHEN c.relispartition THEN '' ELSE a.attidentity END,
    'collation', {collation("a.attcollation")},
    'storage', a.attstorage,
    'compression', {compression},
    'statistics', nullif(a.attstattarget, -1),
    'options', {sorted_options("a.attoptions")},
    'secret_options', {sorted_options("a.attfdwoptions")},
    'local', a.attislocal,
    'inherited', a.attinhcount > 0,
    'owner_of', pg_get_userbyid(c.relowner),
    'rights', CASE WHEN a.attacl IS NULL THEN '[]' ELSE {rights("a.attacl", "c", "c.relowner")} END)
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c')
  AND {OWN_SCHEMA} AND {own("pg_class", "c.oid")} AND {own("pg_type", "c.reltype")}"""


INDEXES = f"""
SELECT {qualified("n.nspname", "c.relname")}, jsonb_build_object(
    'of', {identity("pg_class", "x.indrelid")},
    'definition', pg_get_indexdef(c.oid),
    'primary', x.indisprimary,
    'valid', x.indisvalid,
    'immediate', x.indimmediate,
    'replica_identity', x.indisreplident,
    'clustered', x.indisclustered,
    'tablespace', (SELECT spcname FROM pg_tablespace WHERE oid = c.reltablespace),
    'parents', (SELECT jsonb_agg({identity("pg_class", "i.inhparent")}) FROM pg_inherits i WHERE i.inhrelid = c.oid),
    'statistics', (SELECT jsonb_object_agg(a.attnum, a.attstattarget)
      FROM pg_attribute a WHERE a.attrelid = c.oid AND nullif(a.attstattarget, -1) IS NOT NULL))
FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE {OWN_SCHEMA} AND {own("pg_class", "x.indrelid")} AND {own("pg_class", "c.oid")}"""

SEQUENCES = f"""
SELECT {qualified("n.nspname", "c.relname")}, jsonb_build_object(
    'owner', pg_get_userbyid(c.relowner),
    'rights', {rights("c.relacl", "s", "c.relowner")},
    'persistence', c.relpersistence,
    'type', format_type(s.seqtypid, NULL), 'start', s.seqstart, 'increment', s.seqincrement,
    'maximum', s.seqmax, 'minimum', s.seqmin, 'cache', s.seqcache, 'cycle', s.seqcycle,
    'owned_by', (SELECT format('%I.%I.%I', tn.nspname, t.relname, a.attname)
      FROM pg_depend d JOIN pg_class t ON t.oid = d.refobjid JOIN pg_namespace tn ON tn.oid = t.relnamespace
      JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
      WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')))
FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE {OWN_SCHEMA} AND {own("pg_class", "c.oid")}"""

KINDS = (
    kind("schema", SCHEMAS),
    kind("relation", RELATIONS),
    kind("column", columns),
    kind("index", INDEXES),
    kind("sequence", SEQUENCES),
)
