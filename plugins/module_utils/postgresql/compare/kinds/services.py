# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text search, extensions, foreign data, event triggers, publications, subscriptions."""

from __future__ import annotations

from .base import FIRST_OWN_OID, OWN_SCHEMA, identity, kind, own, rights, sorted_options

TEXT_SEARCH_CONFIGURATIONS = f"""
SELECT {identity("pg_ts_config", "c.oid")}, jsonb_build_object(
    'owner', pg_get_userbyid(c.cfgowner), 'parser', {identity("pg_ts_parser", "c.cfgparser")},
    'mappings', (SELECT jsonb_object_agg(alias, dictionaries) FROM (
      SELECT t.alias, jsonb_agg({identity("pg_ts_dict", "m.mapdict")} ORDER BY m.mapseqno) AS dictionaries
      FROM pg_ts_config_map m JOIN ts_token_type(c.cfgparser) t ON t.tokid = m.maptokentype WHERE m.mapcfg = c.oid GROUP BY 1) x))
FROM pg_ts_config c JOIN pg_namespace n ON n.oid = c.cfgnamespace WHERE {OWN_SCHEMA} AND {own("pg_ts_config", "c.oid")}"""

TEXT_SEARCH_DICTIONARIES = f"""
SELECT {identity("pg_ts_dict", "d.oid")}, jsonb_build_object(
    'owner', pg_get_userbyid(d.dictowner), 'template', {identity("pg_ts_template", "d.dicttemplate")}, 'options', d.dictinitoption)
FROM pg_ts_dict d JOIN pg_namespace n ON n.oid = d.dictnamespace WHERE {OWN_SCHEMA} AND {own("pg_ts_dict", "d.oid")}"""

TEXT_SEARCH_PARSERS = f"""
SELECT {identity("pg_ts_parser", "p.oid")}, jsonb_build_object(
    'functions', jsonb_build_array(p.prsstart::text, p.prstoken::text, p.prsend::text, p.prsheadline::text, p.prslextype::text))
FROM pg_ts_parser p JOIN pg_namespace n ON n.oid = p.prsnamespace WHERE {OWN_SCHEMA} AND {own("pg_ts_parser", "p.oid")}"""

TEXT_SEARCH_TEMPLATES = f"""
SELECT {identity("pg_ts_template", "t.oid")}, jsonb_build_object('functions', jsonb_build_array(t.tmplinit::text, t.tmpllexize::text))
FROM pg_ts_template t JOIN pg_namespace n ON n.oid = t.tmplnamespace WHERE {OWN_SCHEMA} AND {own("pg_ts_template", "t.oid")}"""

# An extension belongs to whoever restored it; its version is compared with what its own server installs by default.
EXTENSIONS = """
SELECT quote_ident(e.extname), jsonb_build_object(
    'schema', (SELECT nspname FROM pg_namespace WHERE oid = e.extnamespace), 'relocatable', e.extrelocatable,
    'version', e.extversion,
    'is_default_version', e.extversion = (SELECT a.default_version FROM pg_available_extensions a WHERE a.name = e.extname))
FROM pg_extension e"""

WRAPPERS = f"""
SELECT quote_ident(w.fdwname), jsonb_build_object(
    'owner', pg_get_userbyid(w.fdwowner), 'rights', {rights("w.fdwacl", "F", "w.fdwowner")},
    'handler', nullif(w.fdwhandler::regproc::text, '-'), 'validator', nullif(w.fdwvalidator::regproc::text, '-'),
    'secret_options', {sorted_options("w.fdwoptions")})
FROM pg_foreign_data_wrapper w WHERE {own("pg_foreign_data_wrapper", "w.oid")}"""

SERVERS = f"""
SELECT quote_ident(s.srvname), jsonb_build_object(
    'owner', pg_get_userbyid(s.srvowner), 'rights', {rights("s.srvacl", "S", "s.srvowner")},
    'wrapper', (SELECT fdwname FROM pg_foreign_data_wrapper WHERE oid = s.srvfdw), 'type', s.srvtype, 'version', s.srvversion,
    'secret_options', {sorted_options("s.srvoptions")})
FROM pg_foreign_server s WHERE {own("pg_foreign_server", "s.oid")}"""

USER_MAPPINGS = f"""
SELECT quote_ident(s.srvname) || ' for {{role}}', jsonb_build_object(
    'role', CASE m.umuser WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(m.umuser) END, 'secret_options', {sorted_options("m.umoptions")})
FROM pg_user_mapping m JOIN pg_foreign_server s ON s.oid = m.umserver"""

EVENT_TRIGGERS = f"""
SELECT quote_ident(t.evtname), jsonb_build_object(
    'owner', pg_get_userbyid(t.evtowner), 'event', t.evtevent, 'function', t.evtfoid::regprocedure::text,
    'enabled', t.evtenabled, 'tags', {sorted_options("t.evttags")})
FROM pg_event_trigger t WHERE {own("pg_event_trigger", "t.oid")}"""


def publications(major: int) -> str:
    columns, where, schemas = "NULL::text", "NULL::text", "NULL::text"
    if major >= 15:
        columns = "(SELECT jsonb_agg(a.attname ORDER BY a.attname) FROM pg_attribute a WHERE a.attrelid = r.prrelid AND a.attnum = ANY(r.prattrs))"
        where = "pg_get_expr(r.prqual, r.prrelid)"
        schemas = (
            "(SELECT jsonb_agg(n.nspname ORDER BY n.nspname) FROM pg_publication_namespace s "
            "JOIN pg_namespace n ON n.oid = s.pnnspid WHERE s.pnpubid = p.oid)"
        )
    return f"""
SELECT quote_ident(p.pubname), jsonb_build_object(
    'owner', pg_get_userbyid(p.pubowner), 'all_tables', p.puballtables,
    'publishes', jsonb_build_array(p.pubinsert, p.pubupdate, p.pubdelete, p.pubtruncate), 'via_root', p.pubviaroot,
    'tables', (SELECT jsonb_object_agg({identity("pg_class", "r.prrelid")}, jsonb_build_array({columns}, {where}))
      FROM pg_publication_rel r WHERE r.prpubid = p.oid),
    'schemas', {schemas})
FROM pg_publication p WHERE {own("pg_publication", "p.oid")}"""


SUBSCRIPTIONS = """
SELECT quote_ident(s.subname), jsonb_build_object(
    'owner', pg_get_userbyid(s.subowner), 'enabled', s.subenabled, 'slot', s.subslotname,
    'publications', (SELECT jsonb_agg(p ORDER BY p) FROM unnest(s.subpublications) p),
    'synchronous_commit', s.subsynccommit, 'secret_connection', s.subconninfo)
FROM pg_subscription s WHERE s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())"""

DEPENDENCIES = """
SELECT i.type || ' ' || i.identity || ' on ' || e.extname, jsonb_build_object('depends', true)
FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass
CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, d.objsubid) i WHERE d.deptype = 'x'"""

# The server describes a thousand objects of its own, and to name one takes a while: only what is left is named. Majors do
# not agree on how to name a transform.
COMMENTS = f"""
SELECT i.type || ' '
    || CASE i.type WHEN 'transform' THEN replace(i.identity, ' on language ', ' language ') ELSE i.identity END,
  jsonb_build_object('comment', d.description)
FROM (SELECT * FROM pg_description d WHERE (d.objoid >= {FIRST_OWN_OID}
      OR (d.classoid = 'pg_namespace'::regclass AND d.objoid = to_regnamespace('public')::oid)
      OR d.classoid IN ('pg_largeobject'::regclass, 'pg_extension'::regclass))
    AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = d.classoid AND e.objid = d.objoid AND e.deptype = 'e')
    OFFSET 0) d
CROSS JOIN LATERAL pg_identify_object(d.classoid, d.objoid, d.objsubid) i
WHERE i.schema IS DISTINCT FROM 'pg_toast' AND i.type <> 'toast table'"""

SECURITY_LABELS = """
SELECT i.type || ' ' || i.identity || ' by ' || l.provider, jsonb_build_object('label', l.label)
FROM pg_seclabel l CROSS JOIN LATERAL pg_identify_object(l.classoid, l.objoid, l.objsubid) i"""

KINDS = (
    kind("text search configuration", TEXT_SEARCH_CONFIGURATIONS),
    kind("text search dictionary", TEXT_SEARCH_DICTIONARIES),
    kind("text search parser", TEXT_SEARCH_PARSERS),
    kind("text search template", TEXT_SEARCH_TEMPLATES),
    kind("extension", EXTENSIONS),
    kind("foreign data wrapper", WRAPPERS),
    kind("foreign server", SERVERS),
    kind("user mapping", USER_MAPPINGS),
    kind("event trigger", EVENT_TRIGGERS),
    kind("publication", publications),
    kind("subscription", SUBSCRIPTIONS),
    kind("dependency", DEPENDENCIES),
    kind("comment", COMMENTS),
    kind("security label", SECURITY_LABELS),
)
