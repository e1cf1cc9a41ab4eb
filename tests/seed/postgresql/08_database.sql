-- What needs a superuser.
-- @ tables of another owner
ALTER TABLE zoo.hashed_1 OWNER TO zoo_writer;
ALTER TABLE zoo.excluded OWNER TO zoo_writer;
-- @ extension pg_trgm extension pg_trgm
CREATE EXTENSION pg_trgm SCHEMA zoo;
CREATE INDEX people_similar ON zoo.people_a_m USING gin (name zoo.gin_trgm_ops);
-- @ extension hstore extension hstore
CREATE EXTENSION hstore SCHEMA zoo;
COMMENT ON EXTENSION hstore IS 'changed by hand';
CREATE TABLE zoo.with_hstore (id integer PRIMARY KEY, pairs zoo.hstore);
INSERT INTO zoo.with_hstore VALUES (1, 'a=>1, "b c"=>NULL, ü=>"x\"y"'), (2, '');
GRANT EXECUTE ON FUNCTION zoo.hstore_to_json(zoo.hstore) TO zoo_reader;
-- @ extension citext extension citext
CREATE EXTENSION citext SCHEMA zoo;
CREATE TABLE zoo.with_citext (name zoo.citext PRIMARY KEY);
INSERT INTO zoo.with_citext VALUES ('Straße'), ('ZOO');
-- @ large objects
SELECT lo_from_bytea(7001, ''), lo_from_bytea(7002, decode(repeat('00ff', 5000), 'hex')), lo_from_bytea(7003, '\x01');
SELECT lo_put(7003, 10000, '\x02');
ALTER LARGE OBJECT 7002 OWNER TO {{owner}};
GRANT SELECT ON LARGE OBJECT 7002 TO zoo_reader;
COMMENT ON LARGE OBJECT 7001 IS 'nothing in it';
-- @ operator classes
CREATE OPERATOR FAMILY zoo.backwards USING btree;
CREATE FUNCTION zoo.compare_backwards(integer, integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT btint4cmp($2, $1)';
CREATE OPERATOR CLASS zoo.backwards_int FOR TYPE integer USING btree FAMILY zoo.backwards AS
  OPERATOR 1 >, OPERATOR 2 >=, OPERATOR 3 =, OPERATOR 4 <=, OPERATOR 5 <, FUNCTION 1 zoo.compare_backwards(integer, integer);
ALTER OPERATOR FAMILY zoo.backwards USING btree ADD OPERATOR 1 > (bigint, integer), FUNCTION 1 (bigint, integer) btint84cmp(bigint, integer);
CREATE INDEX tree_backwards ON zoo.tree (parent zoo.backwards_int);
ALTER OPERATOR FAMILY zoo.backwards USING btree OWNER TO {{owner}};
-- @ foreign data
CREATE FOREIGN DATA WRAPPER zoo_far OPTIONS (debug 'true');
CREATE SERVER zoo_server TYPE 'none' VERSION '1' FOREIGN DATA WRAPPER zoo_far OPTIONS (host 'far.example');
GRANT USAGE ON FOREIGN SERVER zoo_server TO zoo_reader;
CREATE USER MAPPING FOR zoo_reader SERVER zoo_server OPTIONS ("user" 'me', password 'a secret of the mapping');
CREATE FOREIGN TABLE zoo.far (id integer OPTIONS (key 'true'), word text) SERVER zoo_server OPTIONS ("table" 'words');
COMMENT ON SERVER zoo_server IS 'not reached';
-- @ event triggers
CREATE FUNCTION zoo.ddl_noted() RETURNS event_trigger LANGUAGE plpgsql AS $f$ BEGIN RETURN; END $f$;
CREATE EVENT TRIGGER zoo_ddl ON ddl_command_end WHEN TAG IN ('CREATE TABLE', 'DROP TABLE') EXECUTE FUNCTION zoo.ddl_noted();
CREATE EVENT TRIGGER zoo_drops ON sql_drop EXECUTE FUNCTION zoo.ddl_noted();
ALTER EVENT TRIGGER zoo_drops DISABLE;
COMMENT ON EVENT TRIGGER zoo_ddl IS 'notes nothing';
-- @ publications
CREATE PUBLICATION zoo_some FOR TABLE zoo.orders, zoo.tree WITH (publish = 'insert, update');
CREATE PUBLICATION zoo_partitions FOR TABLE zoo.ticks WITH (publish_via_partition_root = true);
COMMENT ON PUBLICATION zoo_some IS 'for the data service';
-- @ publication of rows, columns and a schema from 15
CREATE PUBLICATION zoo_filtered FOR TABLE zoo.accounts (id, email) WHERE (id > 100);
CREATE PUBLICATION zoo_schema FOR TABLES IN SCHEMA "Ünïcode schema";
-- @ types, methods, languages and parsers of low level
CREATE TYPE zoo.int42;
CREATE FUNCTION zoo.int42_in(cstring) RETURNS zoo.int42 LANGUAGE internal IMMUTABLE STRICT AS 'int4in';
CREATE FUNCTION zoo.int42_out(zoo.int42) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int4out';
CREATE TYPE zoo.int42 (input = zoo.int42_in, output = zoo.int42_out, internallength = 4, alignment = int4, default = '42', passedbyvalue);
CREATE TABLE zoo.of_own_type (id zoo.int42, word text);
INSERT INTO zoo.of_own_type VALUES ('7', 'seven'), ('8', NULL);
CREATE ACCESS METHOD zoo_gist TYPE INDEX HANDLER gisthandler;
CREATE FUNCTION zoo.language_handler() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler';
CREATE FUNCTION zoo.language_inline(internal) RETURNS void LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_inline_handler';
CREATE FUNCTION zoo.language_validator(oid) RETURNS void LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_validator';
CREATE TRUSTED LANGUAGE zoo_language HANDLER zoo.language_handler INLINE zoo.language_inline VALIDATOR zoo.language_validator;
COMMENT ON LANGUAGE zoo_language IS 'plpgsql by another name';
CREATE TRANSFORM FOR zoo.side LANGUAGE sql (FROM SQL WITH FUNCTION prsd_lextype(internal));
CREATE TEXT SEARCH PARSER zoo.cutter (start = prsd_start, gettoken = prsd_nexttoken, end = prsd_end, lextypes = prsd_lextype, headline = prsd_headline);
CREATE TEXT SEARCH TEMPLATE zoo.plain (init = dsimple_init, lexize = dsimple_lexize);
-- @ settings of the database
ALTER DATABASE {{database}} SET timezone = 'Asia/Kathmandu';
ALTER DATABASE {{database}} SET "zoo.setting" = 'with '' and ü';
ALTER DATABASE {{database}} CONNECTION LIMIT 93;
COMMENT ON DATABASE {{database}} IS 'the zoo, with ü';
GRANT CONNECT, TEMPORARY ON DATABASE {{database}} TO zoo_reader;
GRANT CREATE ON DATABASE {{database}} TO zoo_team;
-- @ right on a parameter from 15
GRANT SET ON PARAMETER log_min_duration_statement TO zoo_reader;
