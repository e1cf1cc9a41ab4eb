CREATE ROLE orders LOGIN PASSWORD 'orderword';
CREATE ROLE ledger LOGIN PASSWORD 'ledgerword';
CREATE DATABASE orders_db OWNER orders;
CREATE DATABASE ledger_db OWNER ledger;
\connect orders_db
SET ROLE orders;
CREATE TABLE rows (n bigserial PRIMARY KEY, id text NOT NULL, side text NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE TABLE ticks (n bigserial PRIMARY KEY, side text NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp());
INSERT INTO rows (id, side) SELECT 'seed-' || i, 'docker' FROM generate_series(1, 20000) i;
\connect ledger_db
SET ROLE ledger;
CREATE TABLE rows (n bigserial PRIMARY KEY, id text NOT NULL, side text NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp());
