"""Digests of what each side holds, made without the collection: what must be the same before and after."""

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
