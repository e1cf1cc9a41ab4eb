# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Types, domains, enums, ranges, casts, collations and conversions."""

from __future__ import annotations

from .base import FIRST_OWN_OID, OWN_SCHEMA, by_itself, collation, identity, kind, own, qualified, rights


def types(major: int) -> str:
    """But arrays, multiranges and the row types of tables: they follow from what they belong to."""
    multirange = "format_type(r.rngmultitypid, NULL)" if major >= 14 else "NULL::text"
    subscript = "nullif(t.typsubscript::regproc::text, '-')" if major >= 14 else "NULL::text"
    return f"""
SELECT {qualified("n.nspname", "t.typname")}, jsonb_build_object(
    'type', CASE t.typtype WHEN 'b' THEN 'base' WHEN 'c' THEN 'composite' WHEN 'd' THEN 'domain' WHEN 'e' THEN 'enum'
      WHEN 'r' THEN 'range' WHEN 'p' THEN 'shell' ELSE t.typtype::text END,
    'owner', pg_get_userbyid(t.typowner),
    'rights', {rights("t.typacl", "T", "t.typowner")},
    'labels', (SELECT jsonb_agg(l.enumlabel ORDER BY l.enumsortorder) FROM pg_enum l WHERE l.enumtypid = t.oid),
    'base_type', CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) END,
    'not_null', t.typnotnull,
    'default', coalesce(pg_get_expr(t.typdefaultbin, 0), t.typdefault),
    'collation', {collation("t.typcollation")},
    'range', (SELECT jsonb_build_array(format_type(r.rngsubtype, NULL), {identity("pg_opclass", "r.rngsubopc")},
      {collation("r.rngcollation")}, r.rngcanonical::regproc::text, r.rngsubdiff::regproc::text, {multirange})
      FROM pg_range r WHERE r.rngtypid = t.oid),
    'base', CASE WHEN t.typtype = 'b' THEN jsonb_build_array(t.typlen, t.typbyval, t.typcategory, t.typispreferred, t.typdelim,
      format_type(nullif(t.typelem, 0), NULL), t.typinput::regproc::text, t.typoutput::regproc::text, t.typreceive::regproc::text,
      t.typsend::regproc::text, t.typmodin::regproc::text, t.typmodout::regproc::text, t.typanalyze::regproc::text, t.typalign,
      t.typstorage, {subscript}) END)
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace LEFT JOIN pg_class c ON c.oid = t.typrelid
WHERE {OWN_SCHEMA} AND (t.typrelid = 0 OR c.relkind = 'c') AND t.typtype <> 'm'
  AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid) AND {own("pg_type", "t.oid")}"""


CASTS = f"""
SELECT {identity("pg_cast", "c.oid")}, jsonb_build_object(
    'function', CASE WHEN c.castfunc <> 0 THEN c.castfunc::regprocedure::text END, 'context', c.castcontext, 'method', c.castmethod)
FROM pg_cast c WHERE c.oid >= {FIRST_OWN_OID} AND {by_itself("pg_cast", "c.oid")}"""


def collations(major: int) -> str:
    """Their versions are the libraries' own: reported, not compared."""
    locale = {15: "c.colliculocale", 16: "c.colliculocale"}.get(major, "c.colllocale" if major >= 17 else "NULL::text")
    # Before 15 the ICU locale stood where libc's does.
    icu = f"CASE c.collprovider WHEN 'i' THEN coalesce({locale}, c.collcollate::text) ELSE {locale} END"
    rules = "c.collicurules" if major >= 16 else "NULL::text"
    return f"""
SELECT {identity("pg_collation", "c.oid")}, jsonb_build_object(
    'owner', pg_get_userbyid(c.collowner), 'provider', c.collprovider, 'deterministic', c.collisdeterministic,
    'collate', CASE WHEN c.collprovider <> 'i' THEN c.collcollate END, 'ctype', CASE WHEN c.collprovider <> 'i' THEN c.collctype END,
    'locale', {icu}, 'rules', {rules})
FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace WHERE {OWN_SCHEMA} AND {own("pg_collation", "c.oid")}"""


CONVERSIONS = f"""
SELECT {identity("pg_conversion", "c.oid")}, jsonb_build_object(
    'owner', pg_get_userbyid(c.conowner), 'from', pg_encoding_to_char(c.conforencoding), 'to', pg_encoding_to_char(c.contoencoding),
    'function', c.conproc::text, 'default', c.condefault)
FROM pg_conversion c JOIN pg_namespace n ON n.oid = c.connamespace WHERE {OWN_SCHEMA} AND {own("pg_conversion", "c.oid")}"""

KINDS = (kind("type", types), kind("cast", CASTS), kind("collation", collations), kind("conversion", CONVERSIONS))
