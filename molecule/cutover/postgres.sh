# PostgreSQL of the host's own binaries, in a container.
set -e
programs=$(dirname "$(ls /usr/lib/postgresql/*/bin/postgres | sort -V | tail -1)")
if [ ! -e /data/cluster/PG_VERSION ]; then
  "$programs/initdb" -D /data/cluster -U postgres --locale=C.UTF-8 -E UTF8 -A scram-sha-256 --pwfile=<(echo "$POSTGRES_PASSWORD")
  echo "host all all all scram-sha-256" >> /data/cluster/pg_hba.conf
fi
exec "$programs/postgres" -D /data/cluster -c listen_addresses='*' -c unix_socket_directories=/tmp -c wal_level=logical \
  -c shared_buffers=32MB -c max_connections=100
