"""Plants in what is defined beside tables: at least one for every kind of object."""

from __future__ import annotations

from plant import lone, of, plant

TYPES = (
    plant(
        "a domain's default",
        "ALTER DOMAIN zoo.percentage SET DEFAULT 1.1",
        of("type", "zoo.percentage", "default"),
        catalogues="pg_type",
    ),
    plant(
        "a label of an enum",
        "ALTER TYPE zoo.side ADD VALUE 'none'",
        of("type", "zoo.side", "labels"),
        catalogues="pg_enum",
    ),
    plant(
        "a range's function",
        "DROP TYPE zoo.spare_range; CREATE TYPE zoo.spare_range AS RANGE (subtype = integer, subtype_diff = int4range_subdiff); "
        "ALTER TYPE zoo.spare_range OWNER TO {owner}",
        of("type", "zoo.spare_range", "range"),
        catalogues="pg_range",
        since=14,
    ),
    plant("a right on a type", "REVOKE USAGE ON TYPE zoo.address FROM PUBLIC", of("type", "zoo.address", "rights")),
    plant(
        "a cast that is asked for",
        "DROP CAST (zoo.side AS integer); CREATE CAST (zoo.side AS integer) WITH FUNCTION zoo.number_of(zoo.side); "
        "COMMENT ON CAST (zoo.side AS integer) IS 'one for buy'",
        of("cast", "(zoo.side AS integer)", "context"),
        catalogues="pg_cast",
    ),
    plant(
        "a collation's locale",
        "DROP COLLATION zoo.by_bytes; CREATE COLLATION zoo.by_bytes (provider = libc, locale = 'POSIX'); "
        "ALTER COLLATION zoo.by_bytes OWNER TO {owner}",
        of("collation", "zoo.by_bytes", "collate", "ctype"),
        catalogues="pg_collation",
    ),
    plant(
        "a conversion by default",
        "DROP CONVERSION zoo.from_latin; CREATE DEFAULT CONVERSION zoo.from_latin FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8; "
        "ALTER CONVERSION zoo.from_latin OWNER TO {owner}",
        of("conversion", "zoo.from_latin", "default"),
        catalogues="pg_conversion",
    ),
)
ROUTINES = (
    plant(
        "a function's body",
        "CREATE OR REPLACE FUNCTION zoo.noted() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN RETURN coalesce(NEW, OLD);  END $f$",
        of("function", "zoo.noted()", "definition"),
        catalogues="pg_proc",
    ),
    plant(
        "a right on a function",
        "GRANT EXECUTE ON FUNCTION zoo.twice(text) TO PUBLIC",
        of("function", "zoo.twice(pg_catalog.text)", "rights"),
    ),
    plant(
        "a function more",
        "CREATE FUNCTION zoo.extra() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        lone("function", "zoo.extra()"),
    ),
    plant(
        "an aggregate's first value",
        "CREATE OR REPLACE AGGREGATE zoo.total(integer) (sfunc = int4pl, stype = integer, initcond = '1', msfunc = int4pl, "
        "minvfunc = int4mi, mstype = integer, minitcond = '0')",
        of("aggregate", "zoo.total(integer)", "transition"),
        catalogues="pg_aggregate",
    ),
    plant(
        "an operator's estimate",
        "ALTER OPERATOR zoo.~~~ (integer, integer) SET (RESTRICT = NONE)",
        of("operator", "zoo.~~~(integer,integer)", "restrict"),
        catalogues="pg_operator",
    ),
    plant(
        "an operator class's owner",
        "ALTER OPERATOR CLASS zoo.backwards_int USING btree OWNER TO zoo_writer",
        of("operator class", "zoo.backwards_int USING btree", "owner"),
        catalogues="pg_opclass",
    ),
    plant(
        "an operator family's members",
        "ALTER OPERATOR FAMILY zoo.backwards USING btree DROP OPERATOR 1 (bigint, integer), FUNCTION 1 (bigint, integer)",
        of("operator family", "zoo.backwards USING btree", "functions", "operators"),
        catalogues="pg_opfamily pg_amop pg_amproc",
    ),
    plant(
        "a language's rights",
        "REVOKE USAGE ON LANGUAGE zoo_language FROM PUBLIC",
        of("language", "zoo_language", "rights"),
        catalogues="pg_language",
    ),
    plant(
        "an access method's handler",
        "DROP ACCESS METHOD zoo_gist; CREATE ACCESS METHOD zoo_gist TYPE INDEX HANDLER ginhandler",
        of("access method", "zoo_gist", "handler"),
        catalogues="pg_am",
    ),
    plant(
        "a transform is missing",
        "DROP TRANSFORM FOR zoo.side LANGUAGE sql",
        lone("transform", "zoo.side in sql"),
        catalogues="pg_transform",
    ),
)
SERVICES = (
    plant(
        "a text search mapping",
        "ALTER TEXT SEARCH CONFIGURATION zoo.words ALTER MAPPING FOR word WITH simple",
        of("text search configuration", "zoo.words", "mappings"),
        catalogues="pg_ts_config pg_ts_config_map",
    ),
    plant(
        "a text search dictionary",
        "ALTER TEXT SEARCH DICTIONARY zoo.stems (stopwords = german)",
        of("text search dictionary", "zoo.stems", "options"),
        catalogues="pg_ts_dict",
    ),
    plant(
        "a text search parser",
        "DROP TEXT SEARCH PARSER zoo.cutter; CREATE TEXT SEARCH PARSER zoo.cutter "
        "(start = prsd_start, gettoken = prsd_nexttoken, end = prsd_end, lextypes = prsd_lextype)",
        of("text search parser", "zoo.cutter", "functions"),
        catalogues="pg_ts_parser",
    ),
    plant(
        "a text search template",
        "DROP TEXT SEARCH TEMPLATE zoo.plain; CREATE TEXT SEARCH TEMPLATE zoo.plain (lexize = dsimple_lexize)",
        of("text search template", "zoo.plain", "functions"),
        catalogues="pg_ts_template",
    ),
    plant(
        "an extension's schema",
        "ALTER EXTENSION pg_trgm SET SCHEMA public",
        of("extension", "pg_trgm", "schema"),
        of("index", "zoo.people_similar", "definition"),
        catalogues="pg_extension",
    ),
    plant(
        "a foreign data wrapper's options",
        "ALTER FOREIGN DATA WRAPPER zoo_far OPTIONS (SET debug 'false')",
        of("foreign data wrapper", "zoo_far", "secret_options"),
        catalogues="pg_foreign_data_wrapper",
    ),
    plant(
        "a foreign server's version",
        "ALTER SERVER zoo_server VERSION '2'",
        of("foreign server", "zoo_server", "version"),
        catalogues="pg_foreign_server",
    ),
    plant(
        "a user mapping's password",
        "ALTER USER MAPPING FOR zoo_reader SERVER zoo_server OPTIONS (SET password 'another secret')",
        of("user mapping", "zoo_server for zoo_reader", "secret_options"),
        catalogues="pg_user_mapping",
    ),
    plant(
        "an event trigger is on",
        "ALTER EVENT TRIGGER zoo_drops ENABLE",
        of("event trigger", "zoo_drops", "enabled"),
        catalogues="pg_event_trigger",
    ),
    plant(
        "what a publication publishes",
        "ALTER PUBLICATION zoo_some SET (publish = 'insert')",
        of("publication", "zoo_some", "publishes"),
        catalogues="pg_publication",
    ),
    plant(
        "a table of a publication",
        "ALTER PUBLICATION zoo_partitions ADD TABLE zoo.people",
        of("publication", "zoo_partitions", "tables"),
        catalogues="pg_publication_rel",
    ),
    plant(
        "the rows of a publication",
        "ALTER PUBLICATION zoo_filtered SET TABLE zoo.accounts (id, email) WHERE (id > 101)",
        of("publication", "zoo_filtered", "tables"),
        since=15,
    ),
    plant(
        "a schema of a publication",
        'ALTER PUBLICATION zoo_schema DROP TABLES IN SCHEMA "Ünïcode schema"',
        of("publication", "zoo_schema", "schemas"),
        catalogues="pg_publication_namespace",
        since=15,
    ),
    plant(
        "a subscription",
        "CREATE SUBSCRIPTION zoo_copy CONNECTION 'host=none password=secret' PUBLICATION p WITH (connect = false, slot_name = NONE)",
        lone("subscription", "zoo_copy"),
        catalogues="pg_subscription",
    ),
    plant(
        "a dependency on an extension",
        "ALTER INDEX zoo.people_similar DEPENDS ON EXTENSION pg_trgm",
        lone("dependency", "index zoo.people_similar on pg_trgm"),
    ),
    plant(
        "a comment",
        "COMMENT ON COLUMN zoo.orders.price IS 'changed'",
        of("comment", "table column zoo.orders.price", "comment"),
        catalogues="pg_description",
    ),
    plant(
        "a security label",
        "INSERT INTO pg_seclabel VALUES ('zoo.tree'::regclass, 'pg_class'::regclass, 0, 'zoo', 'dangerous')",
        lone("security label", "table zoo.tree by zoo"),
        catalogues="pg_seclabel",
    ),
)
SERVER = (
    plant(
        "the database's limit, rights and comment",
        "ALTER DATABASE {database} CONNECTION LIMIT 92; "
        "REVOKE CREATE ON DATABASE {database} FROM zoo_team; COMMENT ON DATABASE {database} IS 'changed'",
        of("database", "zoo", "comment", "connection_limit", "rights"),
        catalogues="pg_database pg_shdescription",
    ),
    plant(
        "a setting of the database",
        "ALTER DATABASE {database} SET timezone = 'America/St_Johns'",
        of("setting", "of the database: TimeZone", "value"),
        catalogues="pg_db_role_setting",
    ),
    plant(
        "a setting of a role in the database",
        "ALTER ROLE zoo_writer IN DATABASE {database} RESET work_mem",
        lone("setting", "of zoo_writer in the database: work_mem"),
    ),
    plant(
        "a setting of a role",
        "ALTER ROLE zoo_reader SET statement_timeout = '62s'",
        of("setting", "of zoo_reader: statement_timeout", "value"),
    ),
    plant(
        "default privileges",
        "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA zoo REVOKE SELECT ON TABLES FROM zoo_reader",
        of("default privileges", "tables of {owner} in zoo", "rights"),
        catalogues="pg_default_acl",
    ),
    plant(
        "default privileges that were taken",
        "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT EXECUTE ON FUNCTIONS TO PUBLIC",
        of("default privileges", "functions of {owner}", "revoked"),
    ),
    plant(
        "a right on a part of the system",
        "GRANT EXECUTE ON FUNCTION pg_read_file(text) TO zoo_reader",
        of("rights on a part of the system", "function pg_catalog.pg_read_file(pg_catalog.text)", "rights"),
        catalogues="pg_init_privs",
    ),
    plant(
        "a right on a member of an extension",
        "REVOKE EXECUTE ON FUNCTION zoo.hstore_to_json(zoo.hstore) FROM zoo_reader",
        of("rights on a part of the system", "function zoo.hstore_to_json(zoo.hstore)", "rights"),
    ),
    plant(
        "a role's limit and password",
        "ALTER ROLE zoo_reader CONNECTION LIMIT 8 PASSWORD 'another'",
        of("role", "zoo_reader", "connection_limit", "secret_password"),
        catalogues="pg_authid",
    ),
    plant("a role's comment", "COMMENT ON ROLE zoo_team IS 'changed'", of("role", "zoo_team", "comment")),
    plant(
        "a role's right to pass policies",
        "ALTER ROLE zoo_auditor NOBYPASSRLS",
        of("role", "zoo_auditor", "bypasses_row_security"),
    ),
    plant(
        "a membership is lost",
        "REVOKE zoo_team FROM zoo_writer",
        lone("membership", "zoo_writer in zoo_team"),
        catalogues="pg_auth_members",
    ),
    plant(
        "a membership may not be passed on",
        'REVOKE ADMIN OPTION FOR zoo_team FROM "Zoo Wärter"',
        of("membership", "Zoo Wärter in zoo_team", "admin"),
    ),
    plant(
        "a right on a parameter",
        "REVOKE SET ON PARAMETER log_min_duration_statement FROM zoo_reader",
        lone("parameter", "log_min_duration_statement"),
        catalogues="pg_parameter_acl",
        since=15,
    ),
    plant(
        "a label of a role",
        "INSERT INTO pg_shseclabel SELECT oid, 'pg_authid'::regclass, 'zoo', 'dangerous' FROM pg_authid WHERE rolname = 'zoo_team'",
        lone("shared security label", "role zoo_team by zoo"),
        catalogues="pg_shseclabel",
    ),
)

PLANTS = (*TYPES, *ROUTINES, *SERVICES, *SERVER)

REASONS = {
    "pg_statistic": "the planner's figures; ANALYZE makes them anew on the target",
    "pg_statistic_ext_data": "the planner's figures of statistics objects; ANALYZE makes them anew on the target",
    "pg_shdepend": "the server's own bookkeeping of owners and rights, which are compared where they stand",
    "pg_replication_origin": "how far a running replication of the server has come: not a part of any database",
    "pg_subscription_rel": "how far a running subscription has come; the subscription itself is compared",
}
"""Tables of pg_catalog that no plant changes, and why none is needed."""
