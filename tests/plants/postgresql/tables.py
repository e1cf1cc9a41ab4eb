"""Plants in tables, views, their columns, and what is attached to them."""

from __future__ import annotations

from plant import lone, of, plant

RELATIONS = (
    plant("a table is missing", "DROP TABLE zoo.excluded", lone("relation", "zoo.excluded"), catalogues="pg_class"),
    plant("a table more", "CREATE TABLE zoo.extra (id integer PRIMARY KEY, word text)", lone("relation", "zoo.extra")),
    plant("a table's options", "ALTER TABLE zoo.tree SET (fillfactor = 50)", of("relation", "zoo.tree", "options")),
    plant("a table's owner", "ALTER TABLE zoo.cache OWNER TO zoo_writer", of("relation", "zoo.cache", "owner")),
    plant("a grant is lost", "REVOKE SELECT ON zoo.orders FROM zoo_reader", of("relation", "zoo.orders", "rights")),
    plant(
        "a grant option is lost",
        "REVOKE GRANT OPTION FOR SELECT, INSERT ON zoo.journal FROM {owner}; GRANT SELECT ON zoo.journal TO zoo_team WITH GRANT OPTION",
        of("relation", "zoo.journal", "rights"),
    ),
    plant(
        "more rights than the catalogue gives",
        "GRANT TRUNCATE ON zoo.multiranges TO {login}",
        of("relation", "zoo.multiranges", "rights"),
        since=14,
    ),
    plant(
        "row security is no longer forced",
        "ALTER TABLE zoo.secret NO FORCE ROW LEVEL SECURITY",
        of("relation", "zoo.secret", "force_row_security"),
    ),
    plant(
        "replica identity",
        "ALTER TABLE zoo.duplicates REPLICA IDENTITY DEFAULT",
        of("relation", "zoo.duplicates", "replica_identity"),
    ),
    plant(
        "an unlogged table is logged",
        "CREATE TABLE zoo.spare (id integer); DROP TABLE zoo.spare; ALTER TABLE zoo.documents SET UNLOGGED",
        of("relation", "zoo.documents", "persistence"),
    ),
    plant(
        "a view's definition",
        "CREATE OR REPLACE VIEW zoo.grown AS SELECT id, value FROM zoo.not_valid WHERE value > 1 WITH CASCADED CHECK OPTION",
        of("relation", "zoo.grown", "definition"),
        catalogues="pg_rewrite",
    ),
    plant(
        "a view's options",
        "ALTER VIEW zoo.buyers SET (security_barrier = false)",
        of("relation", "zoo.buyers", "options"),
    ),
    plant(
        "a materialised view is filled",
        "REFRESH MATERIALIZED VIEW zoo.not_populated",
        of("relation", "zoo.not_populated", "populated"),
    ),
    plant(
        "a partition key",
        "DROP TABLE zoo.no_partition_yet; CREATE TABLE zoo.no_partition_yet (id integer, at date) PARTITION BY RANGE (at); "
        "ALTER TABLE zoo.no_partition_yet OWNER TO {owner}; GRANT SELECT, INSERT, UPDATE, DELETE ON zoo.no_partition_yet TO {login}",
        of("relation", "zoo.no_partition_yet", "partition_key"),
        catalogues="pg_partitioned_table",
    ),
    plant(
        "a table leaves its parent",
        "ALTER TABLE zoo.bird NO INHERIT zoo.animal",
        of("relation", "zoo.bird", "parents"),
        *(of("column", f"zoo.bird.{name}", "inherited", "local") for name in ("id", "name", "legs")),
        catalogues="pg_inherits",
    ),
    plant(
        "a foreign table's options",
        """ALTER FOREIGN TABLE zoo.far OPTIONS (SET "table" 'others')""",
        of("relation", "zoo.far", "secret_options"),
        catalogues="pg_foreign_table",
    ),
    plant(
        "a table lies elsewhere",
        "ALTER TABLE zoo.egg SET TABLESPACE zoo_space",
        of("relation", "zoo.egg", "tablespace"),
        intended=True,
        since=15,
        catalogues="pg_tablespace",
    ),
    plant(
        "a schema's rights",
        "REVOKE USAGE ON SCHEMA zoo FROM zoo_reader",
        of("schema", "zoo", "rights"),
        catalogues="pg_namespace",
    ),
    plant(
        "a schema's owner",
        'ALTER SCHEMA "Ünïcode schema" OWNER TO zoo_writer',
        of("schema", '"Ünïcode schema"', "owner"),
    ),
    plant("a schema more", "CREATE SCHEMA zoo_extra", lone("schema", "zoo_extra")),
)
COLUMNS = (
    plant(
        "a column more",
        "ALTER TABLE zoo.hen ADD COLUMN extra text DEFAULT 'x'",
        lone("column", "zoo.hen.extra"),
        catalogues="pg_attribute",
    ),
    plant(
        "a column's type",
        "ALTER TABLE zoo.checked ALTER word TYPE varchar(40)",
        of("column", "zoo.checked.word", "type"),
        of("constraint", "checked_word_check on zoo.checked", "definition"),
    ),
    plant(
        "NULL is let in",
        "ALTER TABLE zoo.not_valid ALTER id DROP NOT NULL",
        of("column", "zoo.not_valid.id", "not_null"),
    ),
    plant(
        "a column's default",
        "ALTER TABLE zoo.dropped_columns ALTER late SET DEFAULT 'another'",
        of("column", "zoo.dropped_columns.late", "default"),
        catalogues="pg_attrdef",
    ),
    plant(
        "a column's storage",
        "ALTER TABLE zoo.tuned ALTER wide SET STORAGE EXTENDED",
        of("column", "zoo.tuned.wide", "storage"),
    ),
    plant(
        "a column's statistics",
        "ALTER TABLE zoo.tuned ALTER kind SET STATISTICS 322",
        of("column", "zoo.tuned.kind", "statistics"),
    ),
    plant(
        "a column's options",
        "ALTER TABLE zoo.tuned ALTER flat SET (n_distinct = 5)",
        of("column", "zoo.tuned.flat", "options"),
    ),
    plant(
        "always becomes by default",
        "ALTER TABLE zoo.accounts ALTER id SET GENERATED BY DEFAULT",
        of("column", "zoo.accounts.id", "identity"),
    ),
    plant(
        "a right on a column",
        "REVOKE SELECT (email) ON zoo.accounts FROM zoo_reader",
        of("column", "zoo.accounts.email", "rights"),
    ),
    plant(
        "an attribute of a composite type",
        "ALTER TYPE zoo.spare_pair ALTER ATTRIBUTE one TYPE varchar(90)",
        of("column", "zoo.spare_pair.one", "type"),
    ),
)
ATTACHED = (
    plant(
        "a check is missing",
        "ALTER TABLE zoo.checked DROP CONSTRAINT positive",
        lone("constraint", "positive on zoo.checked"),
        catalogues="pg_constraint",
    ),
    plant(
        "a domain's check is valid",
        "ALTER DOMAIN zoo.loose VALIDATE CONSTRAINT positive",
        of("constraint", "positive on zoo.loose", "definition", "validated"),
    ),
    plant(
        "a foreign key waits",
        "ALTER TABLE zoo.tree ALTER CONSTRAINT tree_parent_fkey DEFERRABLE INITIALLY DEFERRED",
        of("constraint", "tree_parent_fkey on zoo.tree", "deferrable", "deferred", "definition"),
    ),
    plant(
        "foreign keys are not checked",
        "ALTER TABLE zoo.hen DISABLE TRIGGER ALL",
        of("constraint", "hen_egg_fkey on zoo.hen", "disabled_checks"),
        of("constraint", "egg_hen_fkey on zoo.egg", "disabled_checks"),
    ),
    plant(
        "an index is missing",
        "DROP INDEX zoo.orders_account",
        lone("index", "zoo.orders_account"),
        catalogues="pg_index",
    ),
    plant(
        "an index's definition",
        'DROP INDEX zoo.duplicates_c; CREATE INDEX duplicates_c ON zoo.duplicates (word COLLATE "C")',
        of("index", "zoo.duplicates_c", "definition"),
    ),
    plant(
        "an index is not valid",
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'zoo.journal_at'::regclass",
        of("index", "zoo.journal_at", "valid"),
    ),
    plant(
        "a trigger is on",
        "ALTER TABLE zoo.tree ENABLE TRIGGER sleeping",
        of("trigger", "sleeping on zoo.tree", "enabled"),
        catalogues="pg_trigger",
    ),
    plant(
        "a trigger of a partition is on",
        "ALTER TABLE zoo.ticks_2020 ENABLE TRIGGER on_partitions",
        of("trigger", "on_partitions on zoo.ticks_2020", "enabled"),
    ),
    plant("a trigger is missing", "DROP TRIGGER later ON zoo.animal", lone("trigger", "later on zoo.animal")),
    plant(
        "a rule is on", "ALTER TABLE zoo.animal ENABLE RULE sleeping", of("rule", "sleeping on zoo.animal", "enabled")
    ),
    plant(
        "a policy's roles",
        "ALTER POLICY own ON zoo.secret TO zoo_reader",
        of("policy", "own on zoo.secret", "roles"),
        catalogues="pg_policy",
    ),
    plant(
        "a policy's condition",
        "ALTER POLICY write ON zoo.secret WITH CHECK (id > 1)",
        of("policy", "write on zoo.secret", "check"),
    ),
    plant(
        "a statistics object",
        "ALTER STATISTICS zoo.orders_correlated SET STATISTICS 78",
        of("statistics object", "zoo.orders_correlated", "statistics"),
        catalogues="pg_statistic_ext",
    ),
)

PLANTS = (*RELATIONS, *COLUMNS, *ATTACHED)
