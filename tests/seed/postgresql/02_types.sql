-- @ schemas
CREATE SCHEMA zoo;
CREATE SCHEMA "Ünïcode schema";
COMMENT ON SCHEMA zoo IS E'the zoo''s own \\ schema, "quoted", %s and ü';

-- @ sequences
CREATE SEQUENCE zoo.standalone START 1000 INCREMENT 7 CACHE 20;
SELECT nextval('zoo.standalone'), nextval('zoo.standalone');
CREATE SEQUENCE zoo.never_called START 5;
CREATE SEQUENCE zoo.set_but_not_called;
SELECT setval('zoo.set_but_not_called', 41, false);
CREATE SEQUENCE zoo.descending AS integer INCREMENT -3 MINVALUE -2147483648 MAXVALUE -1 START -1;
SELECT setval('zoo.descending', -2147483640);
CREATE SEQUENCE zoo.small_at_end AS smallint MAXVALUE 32767 CYCLE;
SELECT setval('zoo.small_at_end', 32766);
CREATE SEQUENCE zoo.small_descending_at_end AS smallint INCREMENT -1 MINVALUE -32768 MAXVALUE 100 START 100;
SELECT setval('zoo.small_descending_at_end', -32767);
CREATE SEQUENCE zoo.big_at_end AS bigint;
SELECT setval('zoo.big_at_end', 9223372036854775806);
CREATE SEQUENCE "Ünïcode schema"."Sequence with ""quotes""" START 3;
SELECT nextval('"Ünïcode schema"."Sequence with ""quotes"""');
-- @ unlogged sequence from 15
CREATE UNLOGGED SEQUENCE zoo.unlogged_sequence START 17;
SELECT nextval('zoo.unlogged_sequence');

-- @ types
CREATE TYPE zoo.side AS ENUM ('sell', 'buy', 'Hälfte', 'it''s');
ALTER TYPE zoo.side ADD VALUE 'hold' BEFORE 'buy';
CREATE TYPE zoo.address AS (street text, number integer, zip varchar(8) COLLATE "C");
CREATE DOMAIN zoo.percentage AS numeric(5, 2) DEFAULT 1.10 NOT NULL CONSTRAINT in_range CHECK (VALUE BETWEEN 0 AND 100);
CREATE DOMAIN zoo.short_name AS text COLLATE "C" CONSTRAINT not_blank CHECK (VALUE <> '');
CREATE DOMAIN zoo.loose AS integer;
ALTER DOMAIN zoo.loose ADD CONSTRAINT positive CHECK (VALUE > 0) NOT VALID;
CREATE FUNCTION zoo.float_difference(double precision, double precision) RETURNS double precision
  LANGUAGE sql IMMUTABLE STRICT AS 'SELECT $1 - $2';
CREATE TYPE zoo.float_range AS RANGE (subtype = double precision, subtype_diff = zoo.float_difference);
CREATE TYPE zoo.spare_range AS RANGE (subtype = integer);
CREATE TYPE zoo.spare_pair AS (one text, other integer);
COMMENT ON TYPE zoo.side IS 'direction';
COMMENT ON DOMAIN zoo.percentage IS 'hundredths';
COMMENT ON CONSTRAINT in_range ON DOMAIN zoo.percentage IS 'from nothing to all';
-- @ multirange type from 14
CREATE TYPE zoo.money_range AS RANGE (subtype = money, multirange_type_name = zoo.many_moneys);
-- @ collations
CREATE COLLATION zoo.by_bytes (provider = libc, locale = 'C');
-- @ ICU collation icu
CREATE COLLATION zoo.no_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
