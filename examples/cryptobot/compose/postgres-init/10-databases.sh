#!/bin/sh
# A database and a role for each service that has one; run once, when the volume is empty.
set -eu

database() {
    psql -v ON_ERROR_STOP=1 -v role="$1_user" -v name="$1_db" -v password="$2" --username "$POSTGRES_USER" --dbname postgres <<'SQL'
CREATE ROLE :"role" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"role";
SQL
}

database auth "$AUTH_DB_PASSWORD"
database strategy "$STRATEGY_DB_PASSWORD"
database trade "$TRADE_DB_PASSWORD"
database trading "$TRADING_DB_PASSWORD"
database gateway "$GATEWAY_DB_PASSWORD"
