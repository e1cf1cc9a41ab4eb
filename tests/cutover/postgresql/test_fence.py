"""A closed database takes no write from anybody, and what was acknowledged before is there when the closing returns."""

from __future__ import annotations

import contextlib
import statistics
import threading
import time

import lab
import psycopg2
import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.fence import call, install, look, sessions
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.fence.errors import FenceError, NotOurs
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.fence.row import Fence, Row, Window

WINDOW = Window("window-1", "native")
CLOSINGS = 10
HOLLOW = "DO $$ DECLARE t regclass; BEGIN FOR t IN SELECT tgrelid FROM pg_trigger WHERE tgname = 'zz_migration_fence' LOOP " \
    "EXECUTE format('ALTER TABLE %s DISABLE TRIGGER zz_migration_fence', t); END LOOP; END $$"  # fmt: skip
LARGE = """SELECT p.oid::regprocedure::text, a.* FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
WHERE p.proname ~ '^lo' AND p.pronamespace = 'pg_catalog'::regnamespace ORDER BY 1, 2, 3"""


def move(place: lab.Place, state: str, **more):
    """As the module does it."""
    wish = call.Wish(state, window=WINDOW, **{"grace": 2.0, "end": True, **more})
    changes = call.plan(place.endpoint, [place.database], wish)
    call.apply(place.endpoint, changes, wish)
    return changes[0]


def found(place: lab.Place) -> look.Found:
    with place.endpoint.cursor(place.database) as cursor:
        return look.gather(cursor)


def fence(place: lab.Place) -> Fence:
    return Fence(sessions.controller(place.endpoint, place.database, WINDOW.id), place.database, WINDOW)


def test_life(either):
    """From nothing and back to nothing, each step once and then unchanged."""
    before = either.sql(LARGE)
    assert move(either, "installed").changed and not move(either, "installed").changed
    assert found(either).problems() == [] and either.sql("INSERT INTO orders VALUES ('a') RETURNING 1", user=lab.APP)
    assert move(either, "closed", epoch=3).changed and not move(either, "closed", epoch=3).changed
    for user in (lab.APP, "postgres"):
        for text in ("INSERT INTO orders VALUES ('b')", "UPDATE orders SET n = 1", "DELETE FROM ticks", "TRUNCATE ledger",
                     "INSERT INTO ticks_1 VALUES ('b', 1)", "COPY ledger FROM '/dev/null'" if user == "postgres" else "DELETE FROM other",
                     "CREATE TABLE fresh (i int)", "ALTER TABLE orders ADD COLUMN c int", "DROP TABLE other", "CREATE INDEX ON orders (n)",
                     "ALTER TABLE orders DISABLE TRIGGER ALL" if user == "postgres" else "GRANT SELECT ON orders TO PUBLIC",
                     "MERGE INTO orders o USING (SELECT 'a' AS i) s ON o.id = s.i WHEN MATCHED THEN DELETE", "DROP TRIGGER zz_migration_fence ON orders"):  # fmt: skip
            assert either.refused(text, user), text
    either.sql("CREATE TEMP TABLE mine (i int); INSERT INTO mine VALUES (1); DROP TABLE mine", user=lab.APP)
    assert either.refused("SET session_replication_role = replica; INSERT INTO orders VALUES ('c')")
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        either.sql("SELECT lo_from_bytea(0, 'x')", user=lab.APP)
    assert either.sql("SELECT id FROM orders", user=lab.APP) == [("a",)]
    with pytest.raises(FenceError, match="is closed at epoch 3: without its fence both sides could be written to"):
        move(either, "removed")
    assert move(either, "open", epoch=3).changed and not move(either, "open", epoch=3).changed
    assert found(either).row == Row("open", 4, "window-1", "native") and either.sql(LARGE) == before
    either.sql("SELECT lo_from_bytea(0, 'x')", user=lab.APP)
    assert move(either, "removed").changed and not move(either, "removed").changed
    left = either.sql("SELECT 1 FROM pg_namespace WHERE nspname = 'migration' UNION ALL SELECT 1 FROM pg_trigger WHERE tgname ~ 'migration' "
                      "UNION ALL SELECT 1 FROM pg_event_trigger UNION ALL SELECT 1 FROM pg_roles WHERE rolname ~ '^migration'")  # fmt: skip
    assert left == [] and either.sql(LARGE) == before


def test_new_tables_and_statements_are_noticed(either):
    move(either, "installed")
    either.sql(
        "CREATE TABLE fresh (i int); CREATE TABLE ticks_3 PARTITION OF ticks FOR VALUES FROM (200) TO (300)",
        user=lab.APP,
    )
    either.sql(
        "CREATE TABLE filled AS SELECT 1 AS one; ALTER TABLE fresh ADD COLUMN j int; DROP TABLE other", user=lab.APP
    )
    assert found(either).problems() == []
    seen = either.sql("SELECT tag, object, statement FROM migration.ddl ORDER BY id")
    assert [(tag, name) for tag, name, __ in seen] == [
        ("CREATE TABLE", "public.fresh"), ("CREATE TABLE", "public.ticks_3"), ("CREATE TABLE AS", "public.filled"),
        ("ALTER TABLE", "public.fresh"), ("DROP TABLE", "public.other")]  # fmt: skip
    assert "ADD COLUMN j int" in seen[3][2]
    move(either, "closed", epoch=1)
    assert all(either.refused(f"INSERT INTO {name} VALUES (201)") for name in ("fresh", "filled"))
    assert either.refused("INSERT INTO ticks_3 VALUES ('x', 201)")


@pytest.mark.parametrize(
    ("hole", "named"),
    [
        ("ALTER TABLE orders DISABLE TRIGGER zz_migration_fence", "is disabled on public.orders"),
        ("ALTER TABLE orders ENABLE TRIGGER zz_migration_fence", "is altered on public.orders"),
        ("DROP TRIGGER zz_migration_fence ON ticks_2", "is missing on public.ticks_2"),
    ],
)
def test_hole_made_by_the_owner_is_found(source, hole, named):
    move(source, "installed")
    source.sql(hole, user=lab.APP)
    with pytest.raises(FenceError, match=named):
        move(source, "closed", epoch=1)
    assert found(source).row.state == "open"
    assert move(source, "installed").steps and found(source).problems() == []


def test_hole_that_is_made_while_it_closes(source):
    """An owner's transaction that disables a trigger and commits after the plan has looked."""
    move(source, "installed")
    wish = call.Wish("closed", epoch=2, window=WINDOW)
    changes = call.plan(source.endpoint, [source.database], wish)
    source.sql("ALTER TABLE orders DISABLE TRIGGER zz_migration_fence", user=lab.APP)
    with pytest.raises(
        FenceError,
        match="the fence has a hole: the trigger zz_migration_fence is disabled on public.orders.*Open again",
    ):
        call.apply(source.endpoint, changes, wish)
    assert found(source).row == Row("open", 3, "window-1", "native")


def losses(place: lab.Place, hollow: bool = False) -> tuple[set[str], list[lab.Writer], float]:
    """One closing under writers; what they were promised and what was not there when it had returned."""
    move(place, "installed")
    before = found(place).row.epoch
    with lab.load(lab.writers(place)) as writers:
        if hollow:
            place.sql(HOLLOW)
        one = fence(place)
        began = time.monotonic()
        one.close(before + 1, before)
        if hollow:
            call.writers.wait(one.connection, place.database, 2.0, True)
        else:
            call.close_checked(one, place.database, 2.0, True)
        took = time.monotonic() - began
        moved = place.rows()
        time.sleep(0.3)
    lost = lab.acknowledged(writers) - moved
    one.reopen(before + 1)
    one.connection.close()
    return lost, writers, took


def test_no_acknowledged_row_is_missing(source):
    took, rows, refused = [], 0, 0
    for __ in range(CLOSINGS):
        source.sql("TRUNCATE orders, ledger, ticks")
        lost, writers, seconds = losses(source)
        assert lost == set() and lab.failures(writers) == []
        took.append(seconds)
        rows += len(lab.acknowledged(writers))
        refused += sum(each.refused for each in writers)
        assert all(each.acknowledged and each.refused for each in writers), [
            (each.name, each.refused) for each in writers
        ]
    print(f"\n{CLOSINGS} closings under {len(writers)} writers: 0 of {rows} acknowledged rows missing, {refused} refused, nobody ended; "
          f"median {statistics.median(took) * 1000:.0f} ms, worst {max(took) * 1000:.0f} ms")  # fmt: skip


def test_without_triggers_the_loss_is_seen(source):
    """The test of the test: the row says closed, and nothing refuses."""
    lost, writers, __ = losses(source, hollow=True)
    print(f"\nwith the triggers disabled {len(lost)} of {len(lab.acknowledged(writers))} acknowledged rows are missing")
    assert lost and sum(each.refused for each in writers) < len(lost)


def test_older_snapshot_is_waited_for_or_ended(source):
    move(source, "installed")
    old = source.connect(autocommit=False)
    old.set_session(isolation_level="REPEATABLE READ")
    with old.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM orders")
        with pytest.raises(
            FenceError, match=r"the transaction of process \d+ of app \(test app, idle in transaction, \d+ s old\)"
        ):
            move(source, "closed", epoch=5, grace=0.2, end=False)
        assert found(source).row == Row("open", 6, "window-1", "native")
        change = move(source, "closed", epoch=7, grace=0.2, end=True)
        assert len(change.waited.ended) == 1
        with pytest.raises(psycopg2.OperationalError):
            cursor.execute("INSERT INTO orders VALUES ('old')")
    assert source.rows() == set()


def test_prepared_transaction_is_refused(source):
    move(source, "installed")
    source.sql("BEGIN; INSERT INTO orders VALUES ('two'); PREPARE TRANSACTION 'two'")
    try:
        with pytest.raises(FenceError, match=r"holds prepared transactions.*: two\. Commit or roll them back"):
            move(source, "closed", epoch=1)
        assert found(source).row.state == "open"
    finally:
        source.sql("ROLLBACK PREPARED 'two'")


def test_vacuum_does_not_hold_it_up(source):
    move(source, "installed")
    source.sql("INSERT INTO orders SELECT i::text FROM generate_series(1, 100000) i; DELETE FROM orders")
    connection = source.connect("postgres")
    with connection.cursor() as cursor:
        cursor.execute("SET vacuum_cost_delay = 20; SET vacuum_cost_limit = 20")

    def slowly() -> None:
        with connection.cursor() as cursor, contextlib.suppress(psycopg2.errors.QueryCanceled):
            cursor.execute("VACUUM orders")

    vacuum = threading.Thread(target=slowly)
    vacuum.start()
    time.sleep(0.3)
    began = time.monotonic()
    change = move(source, "closed", epoch=1, grace=10.0, end=False)
    assert vacuum.is_alive(), f"{time.monotonic() - began:.1f} s"
    connection.cancel()
    vacuum.join()
    connection.close()


def test_two_decide_and_one_succeeds(source):
    move(source, "installed")
    one, other = fence(source), fence(source)
    one.close(4, 0)
    with pytest.raises(NotOurs, match="it is closed at epoch 4"):
        other.close(4, 0)
    other.reopen(4)
    with pytest.raises(NotOurs, match="was not handed over at epoch 4: it is open at epoch 5"):
        one.hand_over(4)
    with pytest.raises(NotOurs):
        one.close(4, 0)
    one.close(6, 5)
    one.hand_over(6)
    with pytest.raises(NotOurs):
        other.reopen(6)
    for each in (one, other):
        each.connection.close()


def test_target_is_born_closed(either):
    move(either, "installed", born="closed")
    assert either.refused("INSERT INTO orders VALUES ('a')", lab.APP)
    one = fence(either)
    one.arm(9)
    with pytest.raises(NotOurs):
        one.arm(9)
    one.disarm(9)
    one.arm(11)
    one.open(11)
    one.open(11)
    one.connection.close()
    assert not either.refused("INSERT INTO orders VALUES ('a')", lab.APP)


def test_still_closed_after_the_source_was_killed(source):
    """Its own default (synchronous_commit = off) would have forgotten the closing."""
    move(source, "installed")
    for epoch in (1, 11, 21):
        source.sql("INSERT INTO orders VALUES (%s)", f"row-{epoch}")
        one = fence(source)
        one.close(epoch, found(source).row.epoch)
        lab.crash(source.server)
        one.connection.close()
        assert found(source).row.state == "closed" and source.refused("INSERT INTO orders VALUES ('late')", lab.APP)
        move(source, "open", epoch=epoch)


def test_live_installation_and_removal(source):
    """With a transaction open on another table nobody fails, and who is in the way is named."""
    other = source.connect(autocommit=False)
    with other.cursor() as cursor:
        cursor.execute("INSERT INTO other VALUES ('open')")
    named = r"The fence on public.other: its lock could not be had within 3 seconds .*process \d+ of app \(test app, idle in transaction"
    with lab.load(lab.writers(source)) as writers:
        time.sleep(2)
        calm = max(each.longest for each in writers)
        with pytest.raises(FenceError, match=named):
            move(source, "installed", patience=3.0)
        assert [table.title for table in found(source).unfenced] == ["public.other"]
        other.commit()
        began = time.monotonic()
        move(source, "installed", patience=30.0)
        assert found(source).problems() == []
        with other.cursor() as cursor:
            cursor.execute("INSERT INTO other VALUES ('again')")
        with pytest.raises(FenceError, match=named):
            move(source, "removed", patience=3.0)
        other.commit()
        move(source, "removed", patience=30.0)
        took = time.monotonic() - began
    longest = max(each.longest for each in writers)
    rows = lab.acknowledged(writers)
    print(f"\nfence put in and taken out twice in {took:.1f} s under {len(rows)} writes: {len(lab.failures(writers))} failed, longest write "
          f"{longest * 1000:.0f} ms (before: {calm * 1000:.0f} ms)")  # fmt: skip
    assert (
        lab.failures(writers) == []
        and sum(each.refused for each in writers) == 0
        and rows == source.rows() - {row for row in source.rows() if row.endswith("-l")}
    )
    other.close()


def test_refusals(source):
    with pytest.raises(FenceError, match=r"has no fence. Put it in first"):
        move(source, "closed", epoch=1)
    source.sql("CREATE EXTENSION file_fdw; CREATE SERVER files FOREIGN DATA WRAPPER file_fdw; "
               "CREATE FOREIGN TABLE elsewhere (a text) SERVER files OPTIONS (filename '/dev/null')")  # fmt: skip
    with pytest.raises(FenceError, match=r"has foreign tables \(public.elsewhere\)"):
        move(source, "installed")
    source.sql("DROP FOREIGN TABLE elsewhere; CREATE SCHEMA migration")
    with pytest.raises(FenceError, match="has a schema migration that is not the fence's. Rename it"):
        move(source, "installed")
    assert install.steps(found(source))


def test_a_dump_of_a_closed_database_can_be_written_to(source):
    """Somebody's own backup, taken in the window: restored elsewhere its fence refuses nothing."""
    move(source, "installed")
    source.sql("INSERT INTO orders VALUES ('a')")
    move(source, "closed", epoch=1)
    endpoint, copy = source.endpoint, f"{source.database}_copy"
    dump = endpoint.run("pg_dump", ["-Fc", "--dbname", source.database], stdout=-1, stderr=-1).stdout
    source.sql(f"CREATE DATABASE {copy}")
    path = source.server.directory / "dump"
    path.write_bytes(dump)
    path.chmod(0o644)
    try:
        endpoint.run("pg_restore", ["--dbname", copy, str(path)], stdout=-1, stderr=-1)
        restored = lab.Place(source.server, copy)
        assert not restored.refused("INSERT INTO orders VALUES ('b')", lab.APP) and restored.rows() == {"a", "b"}
        assert source.refused("INSERT INTO orders VALUES ('b')", lab.APP)
    finally:
        lab.Place(source.server, "postgres").sql(f"DROP DATABASE {copy} WITH (FORCE)")
