"""Plants in rows, sequences and large objects."""

from __future__ import annotations

from plant import Expected, plant, row

EVERY = "zoo.every_value"


def value(name: str, column: str, value: str, number: int):
    """One value of the table that has a column of every type."""
    return plant(name, f"UPDATE {EVERY} SET {column} = {value} WHERE id = {number}", row(EVERY, column, id=number))


ROWS = (
    # First of all: it looks at the orders as they are.
    plant(
        "a materialised view has what no query gives",
        """INSERT INTO zoo.orders VALUES (-5, (SELECT min(id) FROM zoo.accounts), 'BTC', 'sell', 1, 7, now());
        REFRESH MATERIALIZED VIEW zoo.by_symbol; DELETE FROM zoo.orders WHERE id = -5""",
        row("zoo.by_symbol", "orders", "quantity", text="without a key"),
    ),
    plant("a row is deleted", "DELETE FROM zoo.orders WHERE id = 17", row("zoo.orders", text="source only", id=17)),
    plant(
        "the last digit is changed",
        "UPDATE zoo.orders SET price = price + 0.01 WHERE id = 18",
        row("zoo.orders", "price", id=18),
    ),
    plant(
        "two rows' values are swapped",
        """UPDATE zoo.orders o SET quantity = p.quantity FROM zoo.orders p WHERE o.id IN (19, 20) AND p.id IN (19, 20) AND o.id <> p.id""",
        row("zoo.orders", "quantity", id=19),
        row("zoo.orders", "quantity", id=20),
    ),
    plant(
        "a row is added beyond all others",
        "INSERT INTO zoo.orders SELECT 9223372036854775807, account, symbol, side, price, quantity, placed, note FROM zoo.orders WHERE id = 21",
        row("zoo.orders", text="target only", id=9223372036854775807),
    ),
    plant("an enum's value", "UPDATE zoo.orders SET side = 'Hälfte' WHERE id = 22", row("zoo.orders", "side", id=22)),
    plant(
        "a microsecond",
        "UPDATE zoo.orders SET placed = placed + interval '1 microsecond' WHERE id = 23",
        row("zoo.orders", "placed", id=23),
    ),
    plant("a value becomes NULL", "UPDATE zoo.orders SET note = NULL WHERE id = 25", row("zoo.orders", "note", id=25)),
    value("1.10 becomes 1.1", "exact", "1.1", 10),
    value("minus nought becomes nought", "float8", "0", 15),
    value("the neighbour of a fraction", "float8", "0.3", 19),
    value("blanks at the end", "bounded", "' x'", 31),
    value("composed and decomposed letters", "word", "U&'\\00e9'", 34),
    value("NULL becomes the text", "word", "NULL", 37),
    value("one byte of many", "bytes", "set_byte(bytes, 40000, 1)", 38),
    value("a document 4 becomes 4.0", "tree", "jsonb_set(tree, '{b}', '4.0')", 71),
    value("blanks in a document", "raw", "replace(raw::text, '  ', ' ')::json", 70),
    value("thirty days become a month", "span", "interval '1 mon'", 53),
    value("an hour that comes twice", "moment", "'2024-10-27 02:30:00+02'", 54),
    plant(
        "bounds and NULL in arrays, a part of a row, a name behind a number",
        f"""UPDATE {EVERY} SET matrix = '{{{{1,NULL}},{{3,4}}}}', words = array_replace(words, 'NULL', NULL),
        home = ROW('Straße "1"', NULL, NULL), relation = 'zoo.accounts' WHERE id = 90""",
        row(EVERY, "matrix", "words", "home", "relation", id=90),
    ),
    plant(
        "a row without a key is deleted",
        "DELETE FROM zoo.journal WHERE message = 'message 155' AND level = 0",
        row("zoo.journal", text="is on the source only"),
    ),
    plant(
        "a row without a key is changed",
        "UPDATE zoo.journal SET message = 'message 0155' WHERE message = 'message 156' AND level = 2",
        row("zoo.journal", "message", text="without a key"),
    ),
    plant(
        "one of five equal rows",
        "DELETE FROM zoo.duplicates WHERE ctid = (SELECT min(ctid::text)::tid FROM zoo.duplicates WHERE word = 'same' AND number = 1)",
        row("zoo.duplicates", text="5 times on the source and 4 times on the target"),
    ),
    plant(
        "one of three rows without columns",
        "DELETE FROM zoo.no_columns WHERE ctid = (SELECT min(ctid::text)::tid FROM zoo.no_columns)",
        row("zoo.no_columns", text="3 times on the source and 2 times on the target"),
    ),
    plant(
        "a row of a partition by time",
        "UPDATE zoo.ticks SET volume = 1 WHERE symbol = 'Ö' AND at = (SELECT min(at) FROM zoo.ticks WHERE symbol = 'Ö')",
        Expected("row", "zoo.ticks_2020", ("volume",)),
    ),
    plant(
        "a row of a partition by text",
        "DELETE FROM zoo.people WHERE id = 6",
        row("zoo.people_rest", text="source only"),
    ),
    plant(
        "a row behind forced row security",
        "UPDATE zoo.secret SET text = 'seen' WHERE id = 3",
        row("zoo.secret", "text", id=3),
    ),
    plant(
        "a row of an unlogged table",
        "DELETE FROM zoo.cache WHERE key = 'k7'",
        row("zoo.cache", text="source only", key="k7"),
    ),
    plant(
        "a row of the parent alone",
        "UPDATE zoo.animal SET name = 'ox' WHERE id = 1 AND legs = 4",
        row("zoo.animal", "name", id=1),
    ),
    plant(
        "a key equal to itself in another case",
        "UPDATE zoo.with_citext SET name = 'Zoo' WHERE name = 'ZOO'",
        row("zoo.with_citext", text="source only", name="ZOO"),
        row("zoo.with_citext", text="target only", name="Zoo"),
    ),
    plant(
        "a column whose name holds placeholders",
        """UPDATE "Ünïcode schema"."Table with %s and ""quotes""\" SET "sélect" = 9 WHERE "Key: %(x)s" = 'ä'""",
        Expected("row", '"Ünïcode schema"."Table with %s and ""quotes"""', ('"sélect"',), (('"Key: %(x)s"', "ä"),)),
    ),
    plant(
        "a row of a type of one's own",
        "UPDATE zoo.of_own_type SET id = '9' WHERE word = 'seven'",
        row("zoo.of_own_type", "id", text="without a key"),
    ),
)

SEQUENCES = (
    plant(
        "a sequence is off by one",
        "SELECT setval('zoo.descending', -2147483639)",
        Expected("sequence", "zoo.descending", ("last_value",)),
    ),
    plant(
        "a sequence's first value is taken",
        "SELECT nextval('zoo.never_called')",
        Expected("sequence", "zoo.never_called", ("is_called",)),
    ),
    plant(
        "an identity's sequence",
        "SELECT setval('zoo.accounts_id_seq', 7)",
        Expected("sequence", "zoo.accounts_id_seq", ("last_value",)),
    ),
    plant(
        "a sequence's options",
        "ALTER SEQUENCE zoo.standalone CACHE 21",
        Expected("sequence", "zoo.standalone", ("cache",)),
        catalogues="pg_sequence",
    ),
    plant(
        "a sequence's column",
        "ALTER SEQUENCE zoo.orders_id_seq OWNED BY NONE",
        Expected("sequence", "zoo.orders_id_seq", ("owned_by",)),
        catalogues="pg_depend",
    ),
)

LARGE_OBJECTS = (
    plant(
        "a byte of a large object",
        "SELECT lo_put(7002, 5000, '\\x07')",
        Expected("large object", "7002", ("content",)),
        catalogues="pg_largeobject",
    ),
    plant(
        "zeros at a large object's end",
        "SELECT lo_put(7001, 9, '\\x00')",
        Expected("large object", "7001", ("content",)),
    ),
    plant(
        "a large object more",
        "SELECT lo_from_bytea(7009, 'x')",
        Expected("large object", "7009"),
        catalogues="pg_largeobject_metadata",
    ),
    plant(
        "a large object's owner",
        "ALTER LARGE OBJECT 7003 OWNER TO zoo_writer",
        Expected("large object", "7003", ("owner",)),
    ),
    plant(
        "a right on a large object",
        "REVOKE SELECT ON LARGE OBJECT 7002 FROM zoo_reader",
        Expected("large object", "7002", ("rights",)),
    ),
    plant("the holes of a large object are written out", "SELECT lo_put(7003, 5, '\\x00000000')"),
)

PLANTS = (*ROWS, *SEQUENCES, *LARGE_OBJECTS)
