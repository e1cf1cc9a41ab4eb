"""What is in the servers of a host, and which of its processes are which: run on the host by its own Python, prints JSON."""

import glob
import json
import os
import subprocess

DATABASES = "SELECT datname FROM pg_database WHERE datallowconn ORDER BY 1"
# By kind: statements of two columns, a name and what it is. Names of the server's own begin with pg_.
EVERYWHERE = {
    "roles": """
        SELECT rolname, concat_ws(' ', rolsuper, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls, rolconnlimit)
        FROM pg_authid WHERE rolname !~ '^pg_'""",
    "passwords": "SELECT rolname, md5(rolpassword) FROM pg_authid WHERE rolpassword IS NOT NULL",
    "memberships": """
        SELECT m.member::regrole || ' in ' || m.roleid::regrole, 'member' FROM pg_auth_members m WHERE m.roleid::regrole::text !~ '^pg_'
           OR m.member::regrole::text !~ '^pg_'""",
    "databases": "SELECT datname, datdba::regrole || ' ' || datcollate || ' ' || pg_encoding_to_char(encoding) FROM pg_database",
    "settings of roles": """
        SELECT split_part(pair, '=', 1) || ' of ' || coalesce(r.rolname, 'everybody') || ' in ' || coalesce(d.datname, 'all'),
               substr(pair, strpos(pair, '=') + 1)
        FROM pg_db_role_setting s CROSS JOIN unnest(s.setconfig) pair
        LEFT JOIN pg_roles r ON r.oid = s.setrole LEFT JOIN pg_database d ON d.oid = s.setdatabase""",
    "grants": """
        SELECT coalesce(nullif(grantee, 0)::regrole::text, 'PUBLIC') || ' on database ' || datname, string_agg(privilege_type, ' ' ORDER BY privilege_type)
        FROM pg_database CROSS JOIN aclexplode(coalesce(datacl, acldefault('d', datdba))) WHERE grantee <> datdba GROUP BY grantee, datname""",
}
INSIDE = {
    "grants": """
        SELECT coalesce(nullif(grantee, 0)::regrole::text, 'PUBLIC') || ' on schema ' || current_database() || '.' || nspname,
               string_agg(privilege_type, ' ' ORDER BY privilege_type)
        FROM pg_namespace CROSS JOIN aclexplode(coalesce(nspacl, acldefault('n', nspowner)))
        WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' AND grantee <> nspowner GROUP BY grantee, nspname
        UNION ALL
        SELECT coalesce(nullif(grantee, 0)::regrole::text, 'PUBLIC') || ' on relation ' || current_database() || '.' || c.oid::regclass,
               string_agg(privilege_type, ' ' ORDER BY privilege_type)
        FROM pg_class c CROSS JOIN aclexplode(relacl)
        WHERE relnamespace::regnamespace::text !~ '^pg_|information_schema' AND grantee <> relowner GROUP BY grantee, c.oid
        UNION ALL
        SELECT coalesce(nullif(grantee, 0)::regrole::text, 'PUBLIC') || ' by default on '
               || CASE defaclobjtype WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences' WHEN 'f' THEN 'functions' WHEN 'n' THEN 'schemas' END
               || ' of ' || defaclrole::regrole || ' in ' || current_database(), string_agg(privilege_type, ' ' ORDER BY privilege_type)
        FROM pg_default_acl CROSS JOIN aclexplode(defaclacl) WHERE grantee NOT IN (0, defaclrole) GROUP BY grantee, defaclobjtype, defaclrole""",
    "extensions": "SELECT extname || ' in ' || current_database(), extversion FROM pg_extension WHERE extname <> 'plpgsql'",
    "relations": """
        SELECT current_database() || '.' || c.oid::regclass,
               concat_ws(' ', relkind, relowner::regrole, (SELECT string_agg(attname || ' ' || atttypid::regtype, ', ' ORDER BY attnum)
                                                           FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped))
        FROM pg_class c WHERE relnamespace::regnamespace::text !~ '^pg_|information_schema'""",
    "functions": """
        SELECT current_database() || '.' || oid::regprocedure, proowner::regrole || ' ' || md5(prosrc)
        FROM pg_proc WHERE pronamespace::regnamespace::text !~ '^pg_|information_schema'""",
}
ADMINISTRATOR = "/etc/cryptobot/redis-admin.password"


def run(*words, **options):
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60, cwd="/", **options)
    except FileNotFoundError:  # no such program, so no server either
        return ""
    return done.stdout if done.returncode == 0 else ""


def ask(statement, database="postgres"):
    words = ["psql", "--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--field-separator=\t", "--dbname", database, "--command", statement]
    return [line.split("\t") for line in run("runuser", "--user", "postgres", "--", *words).splitlines()]


def postgresql():
    found = {kind: {} for kind in (*EVERYWHERE, *INSIDE)}
    for kind, statement in EVERYWHERE.items():
        found[kind].update((name, what) for name, what in ask(statement))
    for (database,) in ask(DATABASES):
        for kind, statement in INSIDE.items():
            found[kind].update((name, what) for name, what in ask(statement, database))
    return found


def redis():
    """Users of the platform's instance and what they may."""
    try:
        with open(ADMINISTRATOR) as file:
            password = file.read().strip()
    except FileNotFoundError:
        return {}
    words = ["redis-cli", "--no-auth-warning", "--user", "cryptobot-admin", "-s", "/run/redis-cryptobot/redis.sock"]
    said = run(*words, "ACL", "LIST", env={**os.environ, "REDISCLI_AUTH": password})
    return {line.split()[1]: " ".join(line.split()[2:]) for line in said.splitlines() if line.startswith("user ")}


def processes():
    """By unit that is active the number of its invocation: another one is another start."""
    names = [line.split()[0] for line in run("systemctl", "list-units", "--plain", "--no-legend", "--type=service", "--state=active").splitlines()]
    shown = run("systemctl", "show", "--property=Id,InvocationID", *names).strip().split("\n\n") if names else []
    blocks = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in shown]
    return {block["Id"]: block.get("InvocationID", "") for block in blocks if "Id" in block}


def owned():
    """Paths that dpkg's books name, each with its packages."""
    found = {}
    for path in glob.glob("/var/lib/dpkg/info/*.list"):
        package = os.path.basename(path).removesuffix(".list").split(":")[0]
        with open(path) as file:
            for line in file.read().splitlines():
                found[line] = f"{found[line]} {package}" if line in found else package
    return found


print(json.dumps({**postgresql(), "redis users": redis(), "processes": processes(), "owned": owned()}))
