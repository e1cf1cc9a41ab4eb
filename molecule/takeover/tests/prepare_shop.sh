# Somebody else's application: a shop with PostgreSQL and Redis, their own settings in every place that there is, and two clients.
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
apt-get -qq install --yes --no-install-recommends postgresql redis-server >/dev/null
useradd --system --create-home --home-dir /srv/shop shop
cd /etc/postgresql/15/main
sed -i "s/^#*log_line_prefix = .*/log_line_prefix = '%m shop %p '/; s/^#*max_wal_size = .*/max_wal_size = 3GB/" postgresql.conf
cat >conf.d/a-shop.conf <<'CONF'
# The shop's
work_mem = '6MB'
max_connections = 140
shared_buffers = '160MB'
random_page_cost = 2.5
max_wal_senders = 7
CONF
echo "maintenance_work_mem = '50MB'" >conf.d/zz-shop.conf
{
  echo '# The shop comes in by password, and locally as its system user.'
  echo 'host shop shop 127.0.0.1/32 scram-sha-256'
  echo 'local shop shop peer map=shop'
  cat pg_hba.conf
  echo 'local nothing all reject'
} >pg_hba.new
chown postgres:postgres pg_hba.new && chmod 0640 pg_hba.new && mv pg_hba.new pg_hba.conf
echo 'shop shop shop' >>pg_ident.conf
systemctl restart postgresql@15-main
cd /
sql() { runuser -u postgres -- psql -XAtq --set ON_ERROR_STOP=1 "$@"; }
sql -c "ALTER SYSTEM SET log_min_duration_statement = '250ms'" -c "ALTER SYSTEM SET effective_cache_size = '700MB'" \
  -c "CREATE ROLE shop LOGIN PASSWORD 'of-the-shop' CONNECTION LIMIT 30" -c "CREATE ROLE auditor NOLOGIN" -c "GRANT auditor TO shop" \
  -c "ALTER ROLE shop SET statement_timeout = '20s'" -c "CREATE DATABASE shop OWNER shop" -c "SELECT pg_reload_conf()" >/dev/null
sql -d shop -c "CREATE TABLE articles AS SELECT n AS id, md5(n::text) AS name FROM generate_series(1, 20000) n" \
  -c "CREATE TABLE sales (id bigserial PRIMARY KEY, client text, at timestamptz DEFAULT now())" \
  -c "ALTER TABLE articles OWNER TO shop" -c "ALTER TABLE sales OWNER TO shop" -c "GRANT SELECT ON articles TO auditor" \
  -c "COMMENT ON TABLE articles IS 'of the shop'"
sed -i 's/^# *maxmemory-policy .*/maxmemory-policy allkeys-lru/; s/^# *maxmemory .*/maxmemory 96mb/; s/^appendonly .*/appendonly yes/' /etc/redis/redis.conf
echo 'requirepass of-the-shop' >>/etc/redis/redis.conf
systemctl enable --quiet redis-server && systemctl restart redis-server
for number in $(seq 200); do echo "SET article:$number name-$number"; done | REDISCLI_AUTH=of-the-shop redis-cli >/dev/null
# A client writes down when each of its calls began, and how it ended; at most an hour long.
cat >/srv/shop/client <<'CLIENT'
#!/bin/bash
export PGPASSWORD=of-the-shop PGCONNECT_TIMEOUT=10 REDISCLI_AUTH=of-the-shop
case $1 in
  password) call() { psql -XAtq -h 127.0.0.1 -U shop -d shop -c "INSERT INTO sales (client) VALUES ('password')"; } ;;
  peer) call() { psql -XAtq -h /run/postgresql -U shop -d shop -c "INSERT INTO sales (client) SELECT 'peer' FROM articles WHERE id = 7"; } ;;
  redis) call() { [ "$(redis-cli SET last "$RANDOM")" = OK ] && redis-cli INCR visits | grep -q '^[0-9]'; } ;;
esac
while [ "$SECONDS" -lt 3600 ]; do
  began=$EPOCHREALTIME
  if said=$(call 2>&1); then echo "$began ok"; else echo "$began failed ${said//$'\n'/ }"; fi >>"/srv/shop/$1.log"
  sleep 0.2
done
CLIENT
chmod 0755 /srv/shop/client
for name in password peer redis; do
  systemd-run --quiet --unit="shop-$name" --uid=shop /srv/shop/client "$name"
done
