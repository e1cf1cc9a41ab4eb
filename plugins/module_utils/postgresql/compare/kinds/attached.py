# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is attached to tables: constraints, triggers, rules, policies, statistics objects."""

from __future__ import annotations

from .base import OWN_SCHEMA, identity, kind, own, qualified

# A foreign key's copies on partitions follow from their parent, under names of the server's choice. Constraint triggers
# are triggers. NOT NULL is a property of the column, also where a major keeps a constraint for it.
CONSTRAINTS = f"""
SELECT {identity("pg_constraint", "k.oid")}, jsonb_build_object(
    'definition', pg_get_constraintdef(k.oid),
    'type', k.contype,
    'validated', k.convalidated,
    'deferrable', k.condeferrable,
    'deferred', k.condeferred,
    'local', k.conislocal,
    'not_inherited', k.contype = 'c' AND k.connoinherit,
    'index', CASE WHEN k.contype IN ('p', 'u', 'x') THEN {identity("pg_class", "k.conindid")} END,
    'disabled_checks', (SELECT count(*) FROM pg_trigger t WHERE t.tgconstraint = k.oid AND t.tgisinternal AND t.tgenabled <> 'O'))
FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace
WHERE {OWN_SCHEMA} AND k.contype NOT IN ('t', 'n') AND NOT (k.contype = 'f' AND k.conparentid <> 0)
  AND {own("pg_constraint", "k.oid")} AND {own("pg_class", "k.conrelid")} AND {own("pg_type", "k.contypid")}"""

# Copies on partitions count as internal before 15; those that keep keys do in all majors.
TRIGGERS = f"""
SELECT {identity("pg_trigger", "t.oid")}, jsonb_build_object(
    'definition', pg_get_triggerdef(t.oid), 'enabled', t.tgenabled, 'from_parent', t.tgparentid <> 0)
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE {OWN_SCHEMA} AND (NOT t.tgisinternal OR (t.tgparentid <> 0 AND t.tgfoid::regproc::text !~ '^"RI_|^unique_key_recheck'))
  AND {own("pg_class", "c.oid")} AND {own("pg_trigger", "t.oid")}"""

RULES = f"""
SELECT {identity("pg_rewrite", "r.oid")}, jsonb_build_object('definition', pg_get_ruledef(r.oid), 'enabled', r.ev_enabled)
FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE {OWN_SCHEMA} AND (r.rulename <> '_RETURN' OR r.ev_enabled <> 'O') AND {own("pg_class", "c.oid")} AND {own("pg_rewrite", "r.oid")}"""

POLICIES = f"""
SELECT {identity("pg_policy", "p.oid")}, jsonb_build_object(
    'command', p.polcmd,
    'permissive', p.polpermissive,
    'roles', (SELECT jsonb_agg(CASE r WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(r) END) FROM unnest(p.polroles) r),
    'using', pg_get_expr(p.polqual, p.polrelid),
    'check', pg_get_expr(p.polwithcheck, p.polrelid))
FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE {OWN_SCHEMA} AND {own("pg_policy", "p.oid")}"""

STATISTICS = f"""
SELECT {qualified("n.nspname", "s.stxname")}, jsonb_build_object(
    'owner', pg_get_userbyid(s.stxowner), 'definition', pg_get_statisticsobjdef(s.oid), 'statistics', nullif(s.stxstattarget, -1))
FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace
WHERE {OWN_SCHEMA} AND {own("pg_statistic_ext", "s.oid")}"""

KINDS = (
    kind("constraint", CONSTRAINTS),
    kind("trigger", TRIGGERS),
    kind("rule", RULES),
    kind("policy", POLICIES),
    kind("statistics object", STATISTICS),
)
