-- One row for each thing that a careless copy or comparison changes.
-- @ values of every type
CREATE TABLE zoo.every_value (
  id integer PRIMARY KEY, what text NOT NULL, exact numeric, scaled numeric(12, 4), float8 double precision, float4 real,
  cash money, word text, padded char(6), bounded varchar(9), letter "char", bytes bytea,
  day date, moment timestamptz, local timestamp, clock time(3), zoned timetz, span interval, month interval year to month,
  key uuid, raw json, tree jsonb, path jsonpath, address inet, net cidr, mac macaddr, mac8 macaddr8,
  place point, straight line, part lseg, area box, way path, shape polygon, round circle,
  ints int4range, moments tstzrange, found tsvector, wanted tsquery, flags bit(5), more varbit,
  matrix integer[][], words text[], sides zoo.side[], home zoo.address, homes zoo.address[], share zoo.percentage,
  side zoo.side, yes boolean, small smallint, big bigint, place_in_log pg_lsn, seen txid_snapshot, object oid,
  relation regclass, function regprocedure, kind regtype, role regrole, words_by regconfig, identifier name
);
INSERT INTO zoo.every_value (id, what, share) SELECT i, 'nothing but NULL', 0 FROM generate_series(1, 2) i;
INSERT INTO zoo.every_value (id, what, share, exact, scaled, float8, float4, cash) VALUES
  (10, '1.10 is not 1.1', 1.10, 1.10, 1.1, 1.10, 1.10, 1.10), (11, '1.1', 1.1, 1.1, 1.1, 1.1, 1.1, 1.1),
  (12, 'no number', 0, 'NaN', 'NaN', 'NaN', 'NaN', 0), (13, 'infinity', 0, 1, 1, 'Infinity', 'Infinity', 0),
  (14, 'minus infinity', 0, -1, -1, '-Infinity', '-Infinity', -1.5), (15, 'minus nought', 0, 0.000, 0, '-0', '-0', 0),
  (16, 'the smallest', 0, 1e-200, 0.0001, 5e-324, 1e-45, -92233720368547758.08),
  (17, 'the largest', 100, 1e300, 99999999.9999, 1.7976931348623157e308, 3.4028235e38, 92233720368547758.07),
  (18, 'a third', 33.33, 1.0 / 3, 1.0 / 3, 1.0 / 3, 1.0 / 3, 0.33), (19, 'its neighbour', 33.33, 1, 1, 0.30000000000000004, 0.3, 0),
  (20, 'many digits', 0, 12345678901234567890.123456789012345678901234567890, 0, 123456789.123456789, 16777217, 0);
INSERT INTO zoo.every_value (id, what, share, word, padded, bounded, letter, bytes, identifier) VALUES
  (30, 'empty', 0, '', '', '', '', '', ''), (31, 'blanks', 0, '  two  ', 'ab  ', ' x ', ' ', '\x20', ' n '),
  (32, 'beyond ASCII', 0, 'Grüße, 東京, שלום, 🦓', 'çédil', 'naïve', 'z', '\x00ff00', 'Zoë'),
  (33, 'composed', 0, U&'\00e9', 'é', 'é', 'e', '\xc3a9', 'é'), (34, 'decomposed', 0, U&'e\0301', U&'e\0301', U&'e\0301', 'e', '\x65cc81', 'x'),
  (35, 'control characters', 0, E'tab\tnew\nline\rreturn\x01\\N \\. \\', E'\\N', E'\\.', E'\\', '\x5c2e0a', 'x'),
  (36, 'quotes', 0, $q$it's "quoted", $$, `back`, %s, {{}}$q$, '''', '"', '''', '\x27', '"'),
  (37, 'looks like NULL', 0, 'NULL', 'null', E'\\N', 'N', '\x4e', 'null'), (38, 'long', 0, repeat('zoo', 100000), 'x', 'x', 'x', decode(repeat('00', 50000), 'hex'), 'x');
INSERT INTO zoo.every_value (id, what, share, day, moment, local, clock, zoned, span, month, moments) VALUES
  (50, 'infinity', 0, 'infinity', 'infinity', '-infinity', '24:00', '24:00-15:59', '178000000 years', '11 years 3 months', '[-infinity,infinity]'),
  (51, 'before our era', 0, '4713-01-01 BC', '0044-03-15 12:00:00+00 BC', '0001-12-31 BC', '00:00', '00:00+15:59', '-1 day +23:59:59.999999', '-1 month', 'empty'),
  (52, 'microseconds', 0, '2024-02-29', '2024-03-31 02:30:00.000001+01', '1999-12-31 23:59:59.999999', '12:00:00.5', '12:00:00.000001+05:30', '1 mon 29 days 24:00:00', '0', '(2020-01-01,)'),
  (53, 'leap of the clock', 0, '2024-10-27', '2024-10-27 02:30:00+02', '2024-10-27 02:30', '02:30', '02:30+02', '30 days', '1 year', NULL),
  (54, 'as many days', 0, '2024-10-27', '2024-10-27 02:30:00+01', '2024-10-27 02:30', '02:30', '02:30+01', '1 mon', '1 year', NULL),
  (55, 'far away', 0, '5874897-12-31', '294276-12-31 23:59:59.999999+00', '294276-12-31', '23:59:59.999', '00:00+00', '-178000000 years', '0', '[,]');
INSERT INTO zoo.every_value (id, what, share, key, raw, tree, path, address, net, mac, mac8) VALUES
  (70, 'documents', 0, 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', '{"b": 1.0,  "a":2, "a" : 3, "ü":"\u00fc"}', '{"b": 4.0, "a": [1, 1.10, null], "deep": {"x": 1e400}}', '$.a[*] ? (@ > 1)', '192.168.0.1/24', '10.0.0.0/8', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05'),
  (71, 'almost the same', 0, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{"b":1.0,"a":2,"a":3,"ü":"ü"}', '{"b": 4, "a": [1, 1.1, null], "deep": {"x": 1e400}}', 'strict $', '::1', '2001:db8::/32', 'ff:ff:ff:ff:ff:ff', 'ff:ff:ff:ff:ff:ff:ff:ff'),
  (72, 'null of two kinds', 0, NULL, 'null', 'null', NULL, NULL, NULL, NULL, NULL);
INSERT INTO zoo.every_value (id, what, share, place, straight, part, area, way, shape, round, ints, found, wanted, flags, more) VALUES
  (80, 'shapes', 0, '(1e-300,NaN)', '{1,-1,0.1}', '[(0,0),(1,1.5)]', '(1,2),(0,-0)', '[(0,0),(1,1)]', '((0,0),(1,0),(0,1))', '<(1,1),2.5>', '[1,5)', 'a:1A fat:2B,4C ''it''''s'':3', 'fat & (rat | !cat:*)', B'10110', B'1'),
  (81, 'empty ones', 0, '(Infinity,-Infinity)', '{0,1,0}', '[(0,0),(0,0)]', '(0,0),(0,0)', '((0,0),(1,1))', '((0,0))', '<(0,0),0>', 'empty', '', '', B'00000', B'');
INSERT INTO zoo.every_value (id, what, share, matrix, words, sides, home, homes, side, yes, small, big, place_in_log, seen, object, relation, function, kind, role, words_by) VALUES
  (90, 'arrays and names', 100, '[0:1][3:4]={{1,NULL},{3,4}}', ARRAY['', NULL, 'NULL', 'a"b', E'c\\d', '{}', 'ü', ' '], '{buy,Hälfte}', ROW('Straße "1"', NULL, ''), ARRAY[ROW(NULL, 1, 'x')::zoo.address, NULL], 'it''s', true, -32768, -9223372036854775808, '16/B374D848', '10:20:10,14,15', 4294967295, 'zoo.orders', 'zoo.float_difference(double precision,double precision)', 'zoo.side[]', 'zoo_reader', 'english'),
  (91, 'empty arrays', 0, '{}', '{}', '{}', ROW(NULL, NULL, NULL), '{}', 'sell', false, 32767, 9223372036854775807, '0/0', '1:1:', 0, '"Ünïcode schema"."Table with %s and ""quotes"""', NULL, 'integer', NULL, 'simple');
-- @ infinite numbers from 14
INSERT INTO zoo.every_value (id, what, share, exact) VALUES (100, 'infinite number', 0, 'Infinity'), (101, 'minus', 0, '-Infinity');
-- @ multiranges from 14
CREATE TABLE zoo.multiranges (id integer PRIMARY KEY, many int4multirange, moneys zoo.many_moneys);
INSERT INTO zoo.multiranges VALUES (1, '{[1,3),[5,9)}', '{[1.10,2.20)}'), (2, '{}', NULL);
-- @ XML xml
CREATE TABLE zoo.documents (id integer, content xml);
INSERT INTO zoo.documents VALUES (1, '<a b="1"  c=''2''/>'), (2, '<a b="1" c="2"/>'), (3, 'plain &amp; simple');

-- @ rows of small tables
INSERT INTO zoo.hashed (word) SELECT 'word ' || i FROM generate_series(1, 40) i;
INSERT INTO zoo.duplicates SELECT 'same', 1 FROM generate_series(1, 5);
INSERT INTO zoo.duplicates VALUES ('same', NULL), (NULL, NULL), (NULL, NULL), ('Same', 1), ('', 0);
INSERT INTO zoo.no_columns SELECT FROM generate_series(1, 3);
INSERT INTO zoo.dropped_columns SELECT i, 'c ' || i, NULL FROM generate_series(1, 7) i;
INSERT INTO zoo.deferrable_key SELECT i, 'w' || i FROM generate_series(1, 9) i;
INSERT INTO zoo.checked (value, word) SELECT i, NULL FROM generate_series(1, 5) i;
INSERT INTO zoo.tree VALUES (1, NULL, 'root'), (2, 1, 'left'), (3, 1, 'right'), (4, 3, NULL), (5, 5, 'its own parent');
INSERT INTO zoo.egg VALUES (1, 1), (2, 2);
INSERT INTO zoo.hen VALUES (1, 2), (2, 1);
INSERT INTO zoo.excluded VALUES (1, '<(0,0),1>'), (2, '<(9,9),1>');
INSERT INTO zoo.animal VALUES (1, 'cow', 4), (2, DEFAULT, 0);
INSERT INTO zoo.bird VALUES (1, 'crow', 2, DEFAULT), (3, 'kiwi', 2, 0);
INSERT INTO zoo.typed VALUES ('Street', DEFAULT, '1'), (NULL, NULL, NULL);
INSERT INTO zoo.cache SELECT 'k' || i, decode(md5(i::text), 'hex') FROM generate_series(1, 20) i;
INSERT INTO zoo.secret VALUES (1, 'zoo_reader', 'for the reader'), (2, 'zoo_writer', 'for the writer'), (3, 'nobody', 'for none');
INSERT INTO zoo.secret_off VALUES (1, 'seen by all');
INSERT INTO zoo.by_default (price) VALUES (1.10), (2), (NULL);
INSERT INTO zoo.by_default (id, price) OVERRIDING SYSTEM VALUE VALUES (77, 7.00);
INSERT INTO zoo.tuned SELECT i, repeat(md5(i::text), 200), 'flat', i % 12 FROM generate_series(1, 30) i;
INSERT INTO "Ünïcode schema"."Table with %s and ""quotes""" VALUES ('a', 1, 2, E'x\ny', '"'), ('ä', 3, 4, NULL, ''), ('', 0, 0, '', NULL);
INSERT INTO zoo."a name of sixty-three bytes, the longest that there may be, #63" VALUES (63);
