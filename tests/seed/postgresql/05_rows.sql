-- The bulk: {{rows}} rows, the same ones at every run. About 150 bytes a row with indexes.
-- @ accounts
INSERT INTO zoo.accounts (email, name, joined, settings, tags)
SELECT 'user' || i || '@exämple.org', CASE WHEN i % 7 > 0 THEN 'Name ' || md5(i::text) END,
       timestamptz '2019-01-01 00:00:00+00' + i * interval '37.5 seconds',
       jsonb_build_object('theme', i % 3, 'limit', i % 100 / 10.0, 'note', md5(i::text)),
       CASE i % 4 WHEN 0 THEN NULL WHEN 1 THEN '{}' ELSE ARRAY['t' || i % 10, 'ä' || i % 3] END
FROM generate_series(1, greatest({{rows}} / 20, 100)) i;
-- @ orders
INSERT INTO zoo.orders (account, symbol, side, price, quantity, placed, note)
SELECT 100 + hashint8(i) % (greatest({{rows}} / 20, 100) / 2) + greatest({{rows}} / 20, 100) / 2 - 1, (ARRAY['BTC', 'ETH', 'SOL', 'ÄDA'])[1 + i % 4],
       (ARRAY['sell', 'buy', 'hold']::zoo.side[])[1 + i % 3], (hashint8(i * 3) % 100000) / 100.0 + 1000, i % 1000 / 8.0,
       timestamptz '2020-01-01 00:00:00+00' + i * interval '3.000001 seconds',
       CASE WHEN i % 5 = 0 THEN 'note ' || md5(i::text) END
FROM generate_series(1::bigint, {{rows}} * 45 / 100) i;
-- @ journal
INSERT INTO zoo.journal
SELECT CASE WHEN i % 1000 = 0 THEN 'infinity' ELSE timestamptz '2020-01-01 00:00:00+00' + i / 2 * interval '1 second' END, i % 5,
       'message ' || i / 2 || CASE WHEN i % 11 = 0 THEN E' \\ with\nlines' ELSE '' END
FROM generate_series(1::bigint, {{rows}} * 20 / 100) i;
-- @ ticks
INSERT INTO zoo.ticks
SELECT (ARRAY['BTC', 'btc''s', 'ETH', 'Ö'])[1 + i % 4], timestamp '2020-06-01' + i * (interval '2800 days' / {{rows}}),
       CASE WHEN i % 999 = 0 THEN 'NaN'::float ELSE 10000 + i % 7919 / 7.0 END, CASE WHEN i % 997 = 0 THEN 'Infinity'::real ELSE i / 7.0 END
FROM generate_series(1::bigint, {{rows}} * 25 / 100) i;
-- @ people
INSERT INTO zoo.people (name, born, id)
SELECT (ARRAY['Ada', 'bob', 'Mia', 'nora', 'Zoë', 'Ötzi', 'ölaf'])[1 + i % 7] || ' ' || md5(i::text), date '1950-01-01' + (i % 20000)::integer, i
FROM generate_series(1::bigint, {{rows}} * 5 / 100) i;
