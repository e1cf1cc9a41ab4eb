# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Functions, aggregates, operators and their classes, languages, access methods, transforms."""

from __future__ import annotations

from .base import FIRST_OWN_OID, OWN_SCHEMA, by_itself, identity, kind, own, rights

FUNCTIONS = f"""
SELECT {identity("pg_proc", "p.oid")}, jsonb_build_object(
    'definition', pg_get_functiondef(p.oid),
    'owner', pg_get_userbyid(p.proowner),
    'rights', {rights("p.proacl", "f", "p.proowner")})
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE {OWN_SCHEMA} AND p.prokind <> 'a' AND {by_itself("pg_proc", "p.oid")}"""

AGGREGATES = f"""
SELECT {identity("pg_proc", "p.oid")}, jsonb_build_object(
    'owner', pg_get_userbyid(p.proowner),
    'rights', {rights("p.proacl", "f", "p.proowner")},
    'arguments', pg_get_function_arguments(p.oid),
    'result', pg_get_function_result(p.oid),
    'parallel', p.proparallel,
    'kind', a.aggkind,
    'direct_arguments', a.aggnumdirectargs,
    'transition', jsonb_build_array(a.aggtransfn::text, format_type(a.aggtranstype, NULL), a.aggtransspace, a.agginitval),
    'final', jsonb_build_array(a.aggfinalfn::text, a.aggfinalextra, a.aggfinalmodify),
    'parallel_functions', jsonb_build_array(a.aggcombinefn::text, a.aggserialfn::text, a.aggdeserialfn::text),
    'moving', jsonb_build_array(a.aggmtransfn::text, a.aggminvtransfn::text, a.aggmfinalfn::text, a.aggmfinalextra, a.aggmfinalmodify,
      format_type(nullif(a.aggmtranstype, 0), NULL), a.aggmtransspace, a.aggminitval),
    'sort_operator', CASE WHEN a.aggsortop <> 0 THEN a.aggsortop::regoperator::text END)
FROM pg_aggregate a JOIN pg_proc p ON p.oid = a.aggfnoid JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE {OWN_SCHEMA} AND {own("pg_proc", "p.oid")}"""

OPERATORS = f"""
SELECT {identity("pg_operator", "o.oid")}, jsonb_build_object(
    'owner', pg_get_userbyid(o.oprowner),
    'function', o.oprcode::regprocedure::text,
    'result', format_type(o.oprresult, NULL),
    'commutator', CASE WHEN o.oprcom <> 0 THEN o.oprcom::regoperator::text END,
    'negator', CASE WHEN o.oprnegate <> 0 THEN o.oprnegate::regoperator::text END,
    'restrict', o.oprrest::text, 'join', o.oprjoin::text, 'merges', o.oprcanmerge, 'hashes', o.oprcanhash)
FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace WHERE {OWN_SCHEMA} AND {own("pg_operator", "o.oid")}"""

OPERATOR_CLASSES = f"""
SELECT {identity("pg_opclass", "o.oid")}, jsonb_build_object(
    'owner', pg_get_userbyid(o.opcowner), 'family', {identity("pg_opfamily", "o.opcfamily")},
    'type', format_type(o.opcintype, NULL), 'default', o.opcdefault, 'stored_as', format_type(nullif(o.opckeytype, 0), NULL))
FROM pg_opclass o JOIN pg_namespace n ON n.oid = o.opcnamespace WHERE {OWN_SCHEMA} AND {own("pg_opclass", "o.oid")}"""

OPERATOR_FAMILIES = f"""
SELECT {identity("pg_opfamily", "f.oid")}, jsonb_build_object(
    'owner', pg_get_userbyid(f.opfowner),
    'operators', (SELECT jsonb_agg(x ORDER BY x) FROM (SELECT jsonb_build_array(o.amopstrategy, o.amoppurpose, o.amopopr::regoperator::text,
      {identity("pg_opfamily", "nullif(o.amopsortfamily, 0)")}) x FROM pg_amop o WHERE o.amopfamily = f.oid) y),
    'functions', (SELECT jsonb_agg(x ORDER BY x) FROM (SELECT jsonb_build_array(p.amprocnum, format_type(p.amproclefttype, NULL),
      format_type(p.amprocrighttype, NULL), p.amproc::regprocedure::text) x FROM pg_amproc p WHERE p.amprocfamily = f.oid) y))
FROM pg_opfamily f JOIN pg_namespace n ON n.oid = f.opfnamespace WHERE {OWN_SCHEMA} AND {own("pg_opfamily", "f.oid")}"""

LANGUAGES = f"""
SELECT quote_ident(l.lanname), jsonb_build_object(
    'owner', pg_get_userbyid(l.lanowner), 'rights', {rights("l.lanacl", "l", "l.lanowner")}, 'trusted', l.lanpltrusted,
    'handler', l.lanplcallfoid::regproc::text, 'inline', l.laninline::regproc::text, 'validator', l.lanvalidator::regproc::text)
FROM pg_language l WHERE l.oid >= {FIRST_OWN_OID} AND {own("pg_language", "l.oid")}"""

ACCESS_METHODS = f"""
SELECT quote_ident(a.amname), jsonb_build_object('type', a.amtype, 'handler', a.amhandler::text)
FROM pg_am a WHERE a.oid >= {FIRST_OWN_OID} AND {own("pg_am", "a.oid")}"""

TRANSFORMS = f"""
SELECT format_type(t.trftype, NULL) || ' in ' || (SELECT lanname FROM pg_language l WHERE l.oid = t.trflang), jsonb_build_object(
    'from', nullif(t.trffromsql::regproc::text, '-'), 'to', nullif(t.trftosql::regproc::text, '-'))
FROM pg_transform t WHERE {own("pg_transform", "t.oid")}"""

KINDS = (
    kind("function", FUNCTIONS),
    kind("aggregate", AGGREGATES),
    kind("operator", OPERATORS),
    kind("operator class", OPERATOR_CLASSES),
    kind("operator family", OPERATOR_FAMILIES),
    kind("language", LANGUAGES),
    kind("access method", ACCESS_METHODS),
    kind("transform", TRANSFORMS),
)
