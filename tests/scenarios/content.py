"""Digests of what each side holds, made without the collection: what must be the same before and after, and on both sides."""

from __future__ import annotations

from migration import CONTAINER, PROJECT, Migration

BASES = (
    "SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres' AND datname !~ '__' ORDER BY 1"
)
# A dump names its session by a word at random.
DUMPS = (
    f'for base in $(psql -U postgres -XAtc "{BASES}"); do '
    r"echo $base $(pg_dump -U postgres $base | grep -v -e '^.restrict ' -e '^.unrestrict ' | sha256sum); done"
)
# Of keys that do not expire.
KEYS = (
    "local keys = redis.call('KEYS', '*') table.sort(keys) local found = '' for i, key in ipairs(keys) do "
    "if redis.call('PTTL', key) == -1 then "
    "found = redis.sha1hex(found .. key .. (redis.call('DUMP', key) or '')) end end return found"
)
INDICES = f'for index in 0 1 2 3; do redis-cli -n $index --no-auth-warning eval "{KEYS}" 0; done'
TREE = (
    "find . -printf '%p %y %m %U:%G %l\\n' | sort; "
    "find . -type f ! -name '*-shm' ! -name '*-wal' -exec sha256sum {} + | sort"
)
VOLUMES = (
    f"for each in $(docker volume ls -q --filter label=com.docker.compose.project={PROJECT} | "
    "grep -v -e postgres -e redis); do "
    f"cd $(docker volume inspect -f '{{{{.Mountpoint}}}}' $each) && {TREE}; done"
)
# Rows of each table, each sequence and large object, spelled alike by servers of any version.
ROWS = r"""
SET search_path = ''; SET timezone = 'UTC'; SET datestyle = 'ISO'; SET intervalstyle = 'postgres'; SET bytea_output = 'hex';
SET extra_float_digits = 1; SET lc_monetary = 'C';
SELECT CASE relkind WHEN 'S' THEN format('SELECT %L, last_value, is_called FROM %s', c.oid::regclass, c.oid::regclass)
  ELSE format('SELECT %L, count(*), md5(string_agg(md5(each::text), '''' ORDER BY md5(each::text) COLLATE "C")) FROM ONLY %s AS each',
    c.oid::regclass, c.oid::regclass) END
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE relkind IN ('r', 'S') AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' ORDER BY c.oid
\gexec
SELECT 'large object ' || oid, md5(lo_get(oid)) FROM pg_largeobject_metadata;
"""
# Each key that tests/seed/redis.py makes, with its type, its end and its content, in an order that is no server's own.
SPELLED = """
local found = {}
for _, key in ipairs(redis.call('KEYS', '*')) do
  local seeded = key:find('^zoo:') or key:find(':seed:') or key:find(':other%-')
  local kind, parts = seeded and redis.call('TYPE', key).ok, {}
  if kind == 'string' then parts = {redis.call('GET', key)}
  elseif kind == 'list' then parts = redis.call('LRANGE', key, 0, -1)
  elseif kind == 'set' then parts = redis.call('SMEMBERS', key) table.sort(parts)
  elseif kind == 'hash' then
    local all = redis.call('HGETALL', key)
    for i = 1, #all, 2 do parts[#parts + 1] = all[i] .. '=' .. all[i + 1] end
    table.sort(parts)
  elseif kind == 'zset' then
    local all = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
    for i = 1, #all, 2 do parts[#parts + 1] = string.format('%.17g ', tonumber(all[i + 1])) .. all[i] end
  elseif kind == 'stream' then
    for _, entry in ipairs(redis.call('XRANGE', key, '-', '+')) do
      parts[#parts + 1] = entry[1] .. ' ' .. table.concat(entry[2], '=')
    end
  end
  if kind then
    found[#found + 1] = table.concat({redis.sha1hex(key), kind, redis.call('PEXPIRETIME', key), #parts,
      redis.sha1hex(table.concat(parts, ','))}, ' ')
  end
end
table.sort(found)
return found
"""
ADMINISTRATOR = (
    'REDISCLI_AUTH="$(cat /etc/cryptobot/redis-admin.password)" '
    "redis-cli -s /run/redis-cryptobot/redis.sock --user cryptobot-admin --no-auth-warning"
)


def docker(migration: Migration) -> dict[str, str]:
    """Of the Compose project: databases, keys, and files with their rights in all volumes but the servers' own."""
    check = migration.host.check_output
    return {
        "databases": str(check(f"docker exec $({CONTAINER}postgres) sh -c %s", DUMPS)),
        "keys": str(check(f"docker exec $({CONTAINER}redis) sh -c %s", INDICES)),
        "files": str(check("sh -c %s | sha256sum", VOLUMES)),
    }


def native(migration: Migration) -> dict[str, str]:
    """Of the native side: databases, and files with their rights."""
    check = migration.host.check_output
    return {
        "databases": str(check("cd / && runuser -u postgres -- sh -c %s", DUMPS)),
        "files": str(check("cd /var/lib/cryptobot-datastores && sh -c %s | sha256sum", TREE)),
    }


def rows(migration: Migration, database: str, native: bool) -> dict[str, str]:
    """By table, sequence and large object of one database: how many rows, and their digest."""
    inside = f"psql -U postgres -v ON_ERROR_STOP=1 -XAtqd {database}"
    where = "cd / && runuser -u postgres --" if native else f"docker exec -i $({CONTAINER}postgres)"
    lines = str(migration.host.check_output(f"printf %%s %s | ({where} {inside})", ROWS)).splitlines()
    return {name: rest for name, __, rest in (line.partition("|") for line in lines)}


def keys(migration: Migration, native: bool) -> dict[str, list[str]]:
    """By index: a line for each key that was seeded, names as digests."""
    client = ADMINISTRATOR if native else f"docker exec $({CONTAINER}redis) redis-cli --no-auth-warning"
    found = {
        index: str(migration.host.check_output(f"{client} -n {index} eval %s 0", SPELLED)).splitlines()
        for index in ("0", "3")
    }
    assert all(" string -1 " in " ".join(lines) for lines in found.values()), f"{client} did not answer: {str(found)[:300]}"
    return found


def files(migration: Migration, path: str, rights: bool) -> str:
    """Of everything below a directory: names, kinds, sizes, links and content; owners and modes where they are asked for."""
    shape = "%p %y %s %n %l" + (" %m %U:%G" if rights else "")
    listed = f"find . -not -type d -printf '{shape}\\n' | sort; find . -type d | sort"
    script = f"export LC_ALL=C; ({listed}; find . -type f -exec sha256sum {{}} + | sort) | cat -v"
    return str(migration.host.check_output(f"cd {path} && sh -c %s", script))
