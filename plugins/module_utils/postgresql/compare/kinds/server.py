# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The database itself, settings, default privileges, rights on what came with the server, and the server's roles."""

from __future__ import annotations

from .base import FIRST_OWN_OID, kind, rights


def database(major: int) -> str:
    """Its name, which differs between the sides, and its limit of connections while it is restored, are left out."""
    provider = "d.datlocprovider" if major >= 15 else "'c'"
    locale = "d.datlocale" if major >= 17 else "d.daticulocale" if major >= 15 else "NULL::text"
    rules = "d.daticurules" if major >= 16 else "NULL::text"
    return f"""
SELECT '', jsonb_build_object(
    'owner', pg_get_userbyid(d.datdba), 'rights', {rights("d.datacl", "d", "d.datdba")},
    'encoding', pg_encoding_to_char(d.encoding), 'collate', d.datcollate, 'ctype', d.datctype,
    'provider', {provider}, 'locale', {locale}, 'rules', {rules},
    'connection_limit', d.datconnlimit, 'is_template', d.datistemplate, 'allows_connections', d.datallowconn,
    'tablespace', (SELECT spcname FROM pg_tablespace WHERE oid = d.dattablespace),
    'comment', shobj_description(d.oid, 'pg_database'))
FROM pg_database d WHERE d.datname = current_database()"""


SETTINGS = """
SELECT CASE WHEN s.setrole = 0 THEN 'of the database' WHEN s.setdatabase = 0 THEN 'of {role}' ELSE 'of {role} in the database' END
    || ': ' || split_part(c, '=', 1),
  jsonb_build_object('role', CASE s.setrole WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(s.setrole) END,
    'value', substr(c, strpos(c, '=') + 1))
FROM pg_db_role_setting s CROSS JOIN LATERAL unnest(s.setconfig) c
WHERE c NOT LIKE 'cryptobot.copied=%' AND s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))"""

LETTERS = "CASE d.defaclobjtype WHEN 'S' THEN 's' ELSE d.defaclobjtype END::\"char\""


def _exploded(acl: str) -> str:
    return f"""SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee) END AS grantee, a.privilege_type, a.is_grantable,
        pg_get_userbyid(d.defaclrole) AS grantor FROM aclexplode({acl}) a"""


_NOW = _exploded("d.defaclacl")
_BEFORE = _exploded(f"acldefault({LETTERS}, d.defaclrole)") + " WHERE d.defaclnamespace = 0"
_ROWS = "jsonb_agg(jsonb_build_array(x.grantee, x.privilege_type, x.is_grantable, x.grantor))"
# What is given beyond, and what is taken from, the rights that new objects have anyway: no entry means none of both.
DEFAULT_PRIVILEGES = f"""
SELECT CASE d.defaclobjtype WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences' WHEN 'f' THEN 'functions' WHEN 'T' THEN 'types'
      WHEN 'n' THEN 'schemas' ELSE d.defaclobjtype::text END || ' of {{role}}'
    || coalesce(' in ' || quote_ident((SELECT nspname FROM pg_namespace WHERE oid = d.defaclnamespace)), ''),
  jsonb_build_object('role', pg_get_userbyid(d.defaclrole),
    'rights', (SELECT coalesce({_ROWS}, '[]') FROM ({_NOW} EXCEPT {_BEFORE}) x),
    'revoked', (SELECT coalesce({_ROWS}, '[]') FROM ({_BEFORE} EXCEPT {_NOW}) x))
FROM pg_default_acl d"""


def _changed_rights(catalogue: str, acl: str, owner: str, letter: str, column: str = "0") -> str:
    was = (
        "coalesce((SELECT p.initprivs FROM pg_init_privs p WHERE p.objoid = o.oid AND p.classoid = "
        f"'{catalogue}'::regclass AND p.objsubid = {column}), acldefault({letter}, o.{owner}))"
    )
    now = f"coalesce(o.{acl}, acldefault({letter}, o.{owner}))"

    def exploded(of: str) -> str:
        return f"""SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee) END AS grantee, a.privilege_type,
          a.is_grantable, pg_get_userbyid(a.grantor) AS grantor FROM aclexplode({of}) a"""

    return f"""
SELECT (SELECT i.type || ' ' || i.identity FROM pg_identify_object('{catalogue}'::regclass, o.oid, {column}) i),
  jsonb_build_object('owner_of', pg_get_userbyid(o.{owner}),
    'rights', (SELECT coalesce({_ROWS}, '[]') FROM ({exploded(now)} EXCEPT {exploded(was)}) x),
    'revoked', (SELECT coalesce({_ROWS}, '[]') FROM ({exploded(was)} EXCEPT {exploded(now)}) x))
FROM {catalogue} o
WHERE o.{acl} IS NOT NULL AND o.{acl} IS DISTINCT FROM {was}
  AND (o.oid < {FIRST_OWN_OID} OR EXISTS (SELECT FROM pg_depend e
    WHERE e.classid = '{catalogue}'::regclass AND e.objid = o.oid AND e.deptype = 'e'))"""


# What initdb gives on the views of the standard's schema is written down nowhere.
INITIAL_VIEWS = (
    r" AND NOT (o.relnamespace = 'information_schema'::regnamespace AND o.relacl::text ~ '^\{[^,]+,=r/[^,]+\}$')"
)
# Schema public is compared as a schema. Of members of extensions this is all that can be changed by itself.
SYSTEM_RIGHTS = "\nUNION ALL".join(
    [
        _changed_rights("pg_class", "relacl", "relowner", "CASE o.relkind WHEN 'S' THEN 's' ELSE 'r' END::\"char\"")
        + INITIAL_VIEWS,
        _changed_rights("pg_proc", "proacl", "proowner", "'f'"),
        _changed_rights("pg_type", "typacl", "typowner", "'T'"),
        _changed_rights("pg_language", "lanacl", "lanowner", "'l'"),
        _changed_rights("pg_namespace", "nspacl", "nspowner", "'n'") + " AND o.nspname <> 'public'",
    ]
)

ROLES = """
SELECT quote_ident(r.rolname), jsonb_build_object(
    'role', r.rolname, 'superuser', r.rolsuper, 'inherit', r.rolinherit, 'create_role', r.rolcreaterole, 'create_database', r.rolcreatedb,
    'login', r.rolcanlogin, 'replication', r.rolreplication, 'bypasses_row_security', r.rolbypassrls,
    'connection_limit', r.rolconnlimit, 'valid_until', r.rolvaliduntil::text, 'secret_password', r.rolpassword,
    'comment', shobj_description(r.oid, 'pg_authid'),
    'bootstrap', r.oid = 10,
    'used', EXISTS (SELECT FROM pg_shdepend d WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = r.oid
      AND (SELECT b.oid FROM pg_database b WHERE b.datname = current_database())
        IN (d.dbid, CASE d.classid WHEN 'pg_database'::regclass THEN d.objid END)))
FROM pg_authid r WHERE r.rolname !~ '^pg_'"""


def memberships(major: int) -> str:
    options = "m.inherit_option, 'set', m.set_option" if major >= 16 else "NULL, 'set', NULL"
    return f"""
SELECT u.rolname || ' in ' || g.rolname, jsonb_build_object(
    'member', u.rolname, 'group', g.rolname, 'admin', m.admin_option, 'inherit', {options})
FROM pg_auth_members m JOIN pg_authid u ON u.oid = m.member JOIN pg_authid g ON g.oid = m.roleid WHERE u.rolname !~ '^pg_'"""


PARAMETERS = f"""
SELECT p.parname, jsonb_build_object('owner_of', pg_get_userbyid(10), 'rights', {rights("p.paracl", "p", "10")}) FROM pg_parameter_acl p"""

TABLESPACES = f"""
SELECT quote_ident(t.spcname), jsonb_build_object('owner', pg_get_userbyid(t.spcowner), 'rights', {rights("t.spcacl", "t", "t.spcowner")},
    'options', t.spcoptions, 'comment', shobj_description(t.oid, 'pg_tablespace'))
FROM pg_tablespace t WHERE t.oid >= {FIRST_OWN_OID}"""

SHARED_LABELS = """
SELECT CASE l.classoid WHEN 'pg_database'::regclass THEN 'the database' ELSE 'role ' || pg_get_userbyid(l.objoid) END || ' by ' || l.provider,
  jsonb_build_object('label', l.label)
FROM pg_shseclabel l WHERE l.classoid = 'pg_authid'::regclass
  OR (l.classoid = 'pg_database'::regclass AND l.objoid = (SELECT oid FROM pg_database WHERE datname = current_database()))"""

KINDS = (
    kind("database", database),
    kind("setting", SETTINGS),
    kind("default privileges", DEFAULT_PRIVILEGES),
    kind("rights on a part of the system", SYSTEM_RIGHTS),
)
CLUSTER_KINDS = (
    kind("role", ROLES, cluster=True),
    kind("membership", memberships, cluster=True),
    kind("parameter", PARAMETERS, since=15, cluster=True),
    kind("tablespace", TABLESPACES, cluster=True),
    kind("shared security label", SHARED_LABELS, cluster=True),
)
