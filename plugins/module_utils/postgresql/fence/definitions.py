# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the fence is inside a database: schema ``migration`` with one row of state, and triggers that read it.

The row says *open*, *closed* or *handed_over*. Every table and every partition has a statement trigger that reads it
before each INSERT, UPDATE, DELETE and TRUNCATE, enabled ``ALWAYS``: ``session_replication_role = replica`` would walk
past any other. Event triggers refuse DDL while it is not open and fence a new table in the statement that makes it.
"""

from __future__ import annotations

import hashlib

SCHEMA = "migration"
CONTROLLER = "migration_controller"
"""Whose sessions pass the fence's event triggers. Nobody logs in as it: a superuser's session takes its name."""
TRIGGER = "zz_migration_fence"
DDL_TRIGGER, DROP_TRIGGER = "zz_migration_ddl", "zz_migration_drop"
TRIGGER_BITS = 2 | 4 | 8 | 16 | 32
"""``pg_trigger.tgtype`` of BEFORE INSERT OR DELETE OR UPDATE OR TRUNCATE, for each statement."""

OPEN, CLOSED, HANDED_OVER = "open", "closed", "handed_over"

# A fence that was restored from somebody's dump is none: `home` names the server and database that it was made for.
HOME = """(SELECT system_identifier::text FROM pg_catalog.pg_control_system()) || '/' ||
  (SELECT oid::text FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())"""

TABLES = f"""
CREATE TABLE {SCHEMA}.fence (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  state text NOT NULL CHECK (state IN ('{OPEN}', '{CLOSED}', '{HANDED_OVER}')),
  epoch bigint NOT NULL,
  window_id text NOT NULL DEFAULT '',
  direction text NOT NULL DEFAULT '',
  home text NOT NULL,
  at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp());
CREATE TABLE {SCHEMA}.rights (statement text PRIMARY KEY);
CREATE TABLE {SCHEMA}.mark (id text PRIMARY KEY, at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp());
CREATE TABLE {SCHEMA}.ddl (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  tag text NOT NULL, object text NOT NULL, statement text NOT NULL);
CREATE TABLE {SCHEMA}.identity (relation text PRIMARY KEY, was text NOT NULL);
CREATE TABLE {SCHEMA}.baseline (name text PRIMARY KEY, value bigint)"""

# The apply worker fires no statement trigger for rows, but it does for TRUNCATE.
REFUSE_WRITE = f"""
CREATE OR REPLACE FUNCTION {SCHEMA}.refuse_write() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $fence$
DECLARE
  now_at text;
  here text;
  number bigint;
BEGIN
  SELECT state INTO now_at FROM {SCHEMA}.fence;
  IF now_at = '{OPEN}' THEN
    RETURN NULL;
  END IF;
  SELECT home, epoch INTO here, number FROM {SCHEMA}.fence;
  IF here IS DISTINCT FROM {HOME} AND here IS NOT NULL THEN
    RETURN NULL;
  END IF;
  IF TG_OP = 'TRUNCATE' AND EXISTS (
      SELECT FROM pg_stat_activity WHERE pid = pg_backend_pid() AND backend_type LIKE 'logical replication%') THEN
    RETURN NULL;
  END IF;
  RAISE EXCEPTION 'writes are fenced in this database (migration epoch %)', number
    USING ERRCODE = '25006', HINT = 'It is not the writing side at present; nothing was changed.';
END $fence$"""

FENCE_TABLE = f"""
CREATE OR REPLACE FUNCTION {SCHEMA}.fence_table(wanted regclass) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET client_min_messages = error AS $fence$
BEGIN
  EXECUTE format('DROP TRIGGER IF EXISTS {TRIGGER} ON %s', wanted);
  EXECUTE format('CREATE TRIGGER {TRIGGER} BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s '
    'FOR EACH STATEMENT EXECUTE FUNCTION {SCHEMA}.refuse_write()', wanted);
  EXECUTE format('ALTER TABLE ONLY %s ENABLE ALWAYS TRIGGER {TRIGGER}', wanted);
END $fence$"""

# Statements with options can hold passwords: of those only the object's name is kept.
ON_DDL = f"""
CREATE OR REPLACE FUNCTION {SCHEMA}.on_ddl() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $fence$
DECLARE
  command record;
  shut boolean := coalesce((SELECT state <> '{OPEN}' AND home = {HOME} FROM {SCHEMA}.fence), true);
BEGIN
  IF session_user = '{CONTROLLER}' THEN
    RETURN;
  END IF;
  FOR command IN SELECT classid, objid, object_type, schema_name, command_tag, object_identity
    FROM pg_event_trigger_ddl_commands() LOOP
    CONTINUE WHEN command.schema_name IS NOT DISTINCT FROM 'pg_temp';
    IF shut THEN
      RAISE EXCEPTION 'DDL is fenced in this database: % %', command.command_tag, command.object_identity
        USING ERRCODE = '25006';
    END IF;
    CONTINUE WHEN current_setting('migration.fencing', true) = 'on';
    INSERT INTO {SCHEMA}.ddl (tag, object, statement) VALUES (command.command_tag,
      coalesce(command.object_identity, ''),
      CASE WHEN command.command_tag ~ 'USER MAPPING|SUBSCRIPTION|SERVER' THEN '' ELSE left(current_query(), 2000) END);
    IF command.object_type = 'table' AND command.command_tag IN ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO') THEN
      -- What that does itself is not worth a note.
      PERFORM set_config('migration.fencing', 'on', true);
      PERFORM {SCHEMA}.fence_table(command.objid::regclass);
      PERFORM set_config('migration.fencing', 'off', true);
    END IF;
  END LOOP;
END $fence$"""

ON_DROP = f"""
CREATE OR REPLACE FUNCTION {SCHEMA}.on_drop() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $fence$
DECLARE
  gone text := (SELECT string_agg(object_identity, ', ') FROM pg_event_trigger_dropped_objects()
    WHERE original AND NOT is_temporary);
BEGIN
  IF session_user = '{CONTROLLER}' OR gone IS NULL THEN
    RETURN;
  END IF;
  IF coalesce((SELECT state <> '{OPEN}' AND home = {HOME} FROM {SCHEMA}.fence), true) THEN
    RAISE EXCEPTION 'DDL is fenced in this database: % %', TG_TAG, gone USING ERRCODE = '25006';
  END IF;
  INSERT INTO {SCHEMA}.ddl (tag, object, statement) VALUES (TG_TAG, gone, left(current_query(), 2000));
END $fence$"""

FUNCTIONS = {
    "refuse_write": REFUSE_WRITE,
    "fence_table": FENCE_TABLE,
    "on_ddl": ON_DDL,
    "on_drop": ON_DROP,
}
EVENT_TRIGGERS = {DDL_TRIGGER: ("ddl_command_end", "on_ddl"), DROP_TRIGGER: ("sql_drop", "on_drop")}

TITLE = "Fence of cryptobot.native, version "
"""The schema's comment begins so: by it the schema is known as ours, and by what follows as up to date."""


def version() -> str:
    """A digest of everything above that is made in a database."""
    texts = "\0".join([TABLES, *FUNCTIONS.values(), *map(str, EVENT_TRIGGERS.items())])
    return hashlib.sha256(texts.encode()).hexdigest()[:16]


def bodies() -> dict[str, str]:
    """``pg_proc.prosrc`` of every function, as it must be."""
    return {name: text.split("$fence$")[1] for name, text in FUNCTIONS.items()}
