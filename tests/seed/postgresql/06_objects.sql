-- @ views
CREATE VIEW zoo.buyers WITH (security_barrier) AS
  SELECT a.id, a.email AS "E-Mail", count(*) AS orders FROM zoo.accounts a JOIN zoo.orders o ON o.account = a.id
  WHERE o.side = 'buy' GROUP BY a.id;
CREATE VIEW zoo.grown AS SELECT id, value FROM zoo.not_valid WHERE value > 0 WITH CASCADED CHECK OPTION;
ALTER VIEW zoo.grown ALTER COLUMN value SET DEFAULT 8;
CREATE RECURSIVE VIEW zoo.paths (id, path) AS
  SELECT id, label FROM zoo.tree WHERE parent IS NULL
  UNION ALL SELECT t.id, p.path || '/' || coalesce(t.label, '?') FROM zoo.tree t JOIN paths p ON t.parent = p.id;
COMMENT ON VIEW zoo.buyers IS 'who bought';
COMMENT ON COLUMN zoo.buyers.orders IS 'how often';
CREATE MATERIALIZED VIEW zoo.by_symbol AS
  SELECT symbol, side, count(*) AS orders, sum(quantity) AS quantity FROM zoo.orders GROUP BY 1, 2 WITH DATA;
CREATE UNIQUE INDEX by_symbol_key ON zoo.by_symbol (symbol, side);
CREATE MATERIALIZED VIEW zoo.not_populated AS SELECT count(*) AS people FROM zoo.people WITH NO DATA;
CREATE MATERIALIZED VIEW zoo.stale AS SELECT max(id) AS id FROM zoo.tree;
INSERT INTO zoo.tree VALUES (6, 1, 'newer than the view');
-- @ view with its caller's rights from 15
CREATE VIEW zoo.callers WITH (security_invoker = true) AS SELECT * FROM zoo.secret;

-- @ functions
CREATE FUNCTION zoo.twice(number integer, factor integer DEFAULT 2, OUT result bigint)
  LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 3 SET search_path = zoo, pg_temp AS $f$ SELECT (number * factor)::bigint $f$;
CREATE FUNCTION zoo.rows_of(VARIADIC words text[]) RETURNS TABLE ("position" integer, word text)
  LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 12 AS $f$
BEGIN
  -- a comment with 'quotes', \ and %s; the body must arrive as it is
  RETURN QUERY SELECT o::integer, w FROM unnest(words) WITH ORDINALITY u(w, o);
END $f$;
CREATE FUNCTION zoo.twice(text) RETURNS text LANGUAGE sql AS 'SELECT $1 || $1';
CREATE PROCEDURE zoo.tidy(INOUT removed integer) LANGUAGE plpgsql AS $f$
BEGIN DELETE FROM zoo.cache WHERE key = 'none'; removed := 0; END $f$;
CREATE FUNCTION zoo.first_of(text, text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT coalesce($1, $2)';
CREATE AGGREGATE zoo.first_word(text) (sfunc = zoo.first_of, stype = text, parallel = safe);
CREATE AGGREGATE zoo.total(integer) (sfunc = int4pl, stype = integer, initcond = '0', msfunc = int4pl, minvfunc = int4mi, mstype = integer, minitcond = '0');
COMMENT ON FUNCTION zoo.twice(text) IS 'said again';
COMMENT ON AGGREGATE zoo.total(integer) IS 'sum, without NULL';
-- @ function with a parsed body from 14
CREATE FUNCTION zoo.parsed(integer) RETURNS integer LANGUAGE sql RETURN $1 + 1;

-- @ operators, casts, conversions
CREATE FUNCTION zoo.about(integer, integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT abs($1 - $2) < 3';
CREATE OPERATOR zoo.~~~ (function = zoo.about, leftarg = integer, rightarg = integer, commutator = OPERATOR(zoo.~~~), restrict = eqsel, join = eqjoinsel);
COMMENT ON OPERATOR zoo.~~~ (integer, integer) IS 'about equal';
CREATE FUNCTION zoo.number_of(zoo.side) RETURNS integer LANGUAGE sql IMMUTABLE AS $f$ SELECT CASE $1 WHEN 'buy' THEN 1 ELSE 2 END $f$;
CREATE CAST (zoo.side AS integer) WITH FUNCTION zoo.number_of(zoo.side) AS ASSIGNMENT;
COMMENT ON CAST (zoo.side AS integer) IS 'one for buy';
CREATE CONVERSION zoo.from_latin FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;

-- @ text search
CREATE TEXT SEARCH DICTIONARY zoo.stems (template = snowball, language = german);
CREATE TEXT SEARCH CONFIGURATION zoo.words (copy = pg_catalog.german);
ALTER TEXT SEARCH CONFIGURATION zoo.words ALTER MAPPING FOR hword, word WITH zoo.stems, simple;
COMMENT ON TEXT SEARCH CONFIGURATION zoo.words IS 'stems first';

-- @ triggers and rules
CREATE FUNCTION zoo.noted() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN RETURN coalesce(NEW, OLD); END $f$;
CREATE TRIGGER each_row BEFORE INSERT OR UPDATE OF price, quantity ON zoo.orders
  FOR EACH ROW WHEN (NEW.price > 1e9) EXECUTE FUNCTION zoo.noted('an argument', E'with \\ and ''');
CREATE TRIGGER sleeping AFTER DELETE ON zoo.tree FOR EACH ROW EXECUTE FUNCTION zoo.noted();
ALTER TABLE zoo.tree DISABLE TRIGGER sleeping;
CREATE TRIGGER replicating AFTER INSERT ON zoo.tree REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION zoo.noted();
ALTER TABLE zoo.tree ENABLE REPLICA TRIGGER replicating;
CREATE TRIGGER always BEFORE TRUNCATE ON zoo.tree FOR EACH STATEMENT EXECUTE FUNCTION zoo.noted();
ALTER TABLE zoo.tree ENABLE ALWAYS TRIGGER always;
CREATE CONSTRAINT TRIGGER later AFTER INSERT ON zoo.animal DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION zoo.noted();
CREATE TRIGGER instead INSTEAD OF INSERT ON zoo.buyers FOR EACH ROW EXECUTE FUNCTION zoo.noted();
CREATE TRIGGER on_partitions AFTER INSERT ON zoo.ticks FOR EACH ROW EXECUTE FUNCTION zoo.noted();
ALTER TABLE zoo.ticks_2020 DISABLE TRIGGER on_partitions;
COMMENT ON TRIGGER each_row ON zoo.orders IS 'for large ones';
CREATE RULE kept AS ON DELETE TO zoo.checked WHERE OLD.id = 1 DO INSTEAD NOTHING;
CREATE RULE sleeping AS ON UPDATE TO zoo.animal DO ALSO NOTIFY animals;
ALTER TABLE zoo.animal DISABLE RULE sleeping;
COMMENT ON RULE kept ON zoo.checked IS 'the first stays';
ALTER TABLE zoo.secret ENABLE ROW LEVEL SECURITY;
ALTER TABLE zoo.secret FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON zoo.secret AS RESTRICTIVE FOR SELECT TO zoo_reader, zoo_writer USING (owner = current_user);
CREATE POLICY write ON zoo.secret FOR INSERT TO zoo_writer WITH CHECK (id > 0);
COMMENT ON POLICY own ON zoo.secret IS 'to each his own';
COMMENT ON TABLE zoo.orders IS E'every order\never placed';
COMMENT ON COLUMN zoo.orders.price IS 'in the quoted currency';
COMMENT ON CONSTRAINT positive ON zoo.checked IS 'more than nothing';
COMMENT ON SEQUENCE zoo.standalone IS 'stands alone';
