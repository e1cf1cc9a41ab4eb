CREATE ROLE shop LOGIN PASSWORD 'shopword';
CREATE DATABASE shop_db OWNER shop;
\connect shop_db
SET ROLE shop;
CREATE TABLE orders (n bigserial PRIMARY KEY, id text NOT NULL, side text NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE TABLE ledger (LIKE orders INCLUDING ALL);
CREATE TABLE stock (LIKE orders INCLUDING ALL);
CREATE SEQUENCE ledger_n OWNED BY ledger.n;
CREATE SEQUENCE stock_n OWNED BY stock.n;
ALTER TABLE ledger ALTER n SET DEFAULT nextval('ledger_n');
ALTER TABLE stock ALTER n SET DEFAULT nextval('stock_n');
INSERT INTO orders (id, side) SELECT 'seed-' || i, 'docker' FROM generate_series(1, 20000) i;
