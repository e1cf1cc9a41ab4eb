"""What belongs to somebody else's PostgreSQL and Redis: run on the host by its own Python, prints JSON."""

import json
import os
import subprocess

PARTS = {
    "settings": "SELECT name, setting || coalesce(unit, '') || CASE WHEN pending_restart THEN ' pending' ELSE '' END FROM pg_settings"
    " WHERE context <> 'internal'",
    "files of settings": "SELECT concat_ws(' ', sourcefile, sourceline, name), setting FROM pg_file_settings"
    " WHERE sourcefile NOT LIKE '%/cryptobot.conf'",
    "roles": "SELECT rolname, to_jsonb(a) - 'oid' FROM pg_authid a",
    "members": "SELECT member::regrole || ' in ' || roleid::regrole, admin_option::text FROM pg_auth_members",
    "settings of roles": "SELECT setdatabase || ' ' || setrole::regrole, setconfig::text FROM pg_db_role_setting",
    "databases": "SELECT datname, concat_ws(' ', oid, datdba::regrole, datcollate, datacl, datconnlimit) FROM pg_database",
    "server": "SELECT 'identifier', system_identifier::text FROM pg_control_system()",
}
IN_SHOP = {
    "tables": "SELECT relname, concat_ws(' ', oid, relowner::regrole, relacl, obj_description(oid)) FROM pg_class"
    " WHERE relnamespace = 'public'::regnamespace",
    "articles": "SELECT 'digest', md5(string_agg(id || name, ',' ORDER BY id)) FROM articles",
    "schemas": "SELECT nspname, concat_ws(' ', nspowner::regrole, nspacl) FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp'",
}


def lines(*words):
    done = subprocess.run(words, capture_output=True, text=True, check=True, cwd="/")
    return done.stdout.splitlines()


def rows(database, query):
    text = f"SELECT json_build_array(name, value) FROM ({query}) AS found (name, value)"
    said = lines("runuser", "-u", "postgres", "--", "psql", "-XAtq", "-d", database, "-c", text)
    return {name: str(value) for name, value in map(json.loads, said)}


def doors(path):
    """The lines of a file of doors or users without those between the platform's marks."""
    kept, ours = [], False
    with open(path) as file:
        for line in file.read().splitlines():
            ours = (ours or "BEGIN cryptobot" in line) and "END cryptobot" not in line
            if not ours and "END cryptobot" not in line:
                kept.append(line)
    return {str(number): line for number, line in enumerate(kept)}


def redis(*words):
    return lines("redis-cli", *words)


def main():
    found = {kind: rows("postgres", query) for kind, query in PARTS.items()}
    found |= {f"shop: {kind}": rows("shop", query) for kind, query in IN_SHOP.items()}
    for name in ("pg_hba.conf", "pg_ident.conf"):
        found[name] = doors(f"/etc/postgresql/15/main/{name}")
    os.environ["REDISCLI_AUTH"] = "of-the-shop"
    settings = redis("CONFIG", "GET", "*")
    found["redis settings"] = dict(zip(settings[::2], settings[1::2], strict=True))
    found["redis users"] = {line.split()[1]: line for line in redis("ACL", "LIST")}
    found["redis data"] = {f"article:{number}": redis("GET", f"article:{number}")[0] for number in (1, 77, 200)}
    process = lines("systemctl", "show", "--property=MainPID,ActiveEnterTimestampMonotonic", "redis-server.service")
    found["redis process"] = {"is": " ".join(process)}
    print(json.dumps(found))


main()
