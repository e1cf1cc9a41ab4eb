"""A database that follows while it is written to: nothing missing, nothing twice, there and back."""

from __future__ import annotations

import contextlib
import time
from contextlib import closing
from pathlib import Path

import lab
import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.migration.journal import Journal
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.compare import run
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.fence import sessions
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.fence.errors import FenceError
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.fence.row import Fence
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.follow import publisher, turn
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.follow.call import Follow
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.follow.errors import FollowError
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.transfer.call import wish
from test_fence import WINDOW, fence, move

KINDS = """
CREATE TABLE keyless (id text, n int);
CREATE TABLE late_key (id text PRIMARY KEY DEFERRABLE, n int);
CREATE TABLE nothing (id text PRIMARY KEY, n int); ALTER TABLE nothing REPLICA IDENTITY NOTHING;
CREATE TABLE by_index (id text NOT NULL, n int); CREATE UNIQUE INDEX by_index_id ON by_index (id);
CREATE UNLOGGED TABLE scratch (id text)"""
KEYS = ("keyless", "late_key", "nothing", "by_index")
IDENTITIES = (
    "SELECT relname, relreplident FROM pg_class WHERE relkind = 'r' AND relnamespace = "
    "'public'::regnamespace ORDER BY 1"
)
LEFT = """SELECT slot_name::text FROM pg_replication_slots UNION ALL SELECT subname FROM pg_subscription
UNION ALL SELECT pubname FROM pg_publication UNION ALL SELECT rolname FROM pg_roles
  WHERE rolname ~ '^migration_follower'"""


class Pair:
    """The application's database on both servers."""

    def __init__(self, source: lab.Place, native: lab.Place, folder: Path) -> None:
        self.source, self.native = source, native
        self.given = {
            "datastore": "shop-1",
            "source": source.database,
            "target": native.database,
            "owner": lab.APP,
            "access": {},
        }
        given = wish({**self.given, "source": native.database, "target": source.database})
        self.back = Follow(Journal(folder), "run", native.endpoint, source.endpoint, [given], 2, 30.0, "docker")
        self.follow = Follow(Journal(folder), "run", source.endpoint, native.endpoint, [wish(self.given)], 2, 30.0)

    def differences(self) -> list[str]:
        pair = run.Pair("shop-1", self.source.database, self.native.database, lab.APP, {}, {})
        return [str(each) for each in run.compare(self.source.endpoint, self.native.endpoint, pair).differences]

    def state(self):
        return self.follow.state(self.follow.wishes[0])


@pytest.fixture
def pair(source, servers, tmp_path: Path):
    native = lab.Place(servers[1], f"{source.database}_n")
    both = Pair(source, native, tmp_path)
    yield both
    for follow in (both.follow, both.back):
        with contextlib.suppress(Exception):
            follow.end()
    admin = lab.Place(servers[1], "postgres")
    for (name,) in admin.sql("SELECT datname FROM pg_database WHERE datname LIKE %s", f"{native.database}%"):
        admin.sql(f'DROP DATABASE "{name}" WITH (FORCE)')
    # It goes with the last fence that is taken out; a database that is dropped leaves it.
    admin.sql("DROP ROLE IF EXISTS migration_controller")


FORWARD, REVERSE = (publisher.name_of("shop-1", side) for side in ("native", "docker"))


def test_nothing_is_missing_after_the_switch(pair):
    """Copied and followed under writers past the doors; closed, caught up, compared; written natively; back."""
    source, native = pair.source, pair.native
    source.sql(KINDS, user=lab.APP)
    before = source.sql(IDENTITIES)
    acknowledged = switched(pair)
    assert pair.differences() == []
    for table in KEYS:
        assert native.sql(f"SELECT id, n FROM {table} ORDER BY id") == [("a", 9), ("c", 3)], table
    state = "SELECT last_value, is_called FROM orders_n_seq"
    assert acknowledged <= native.rows() and native.sql(state) == source.sql(state)
    back = followed_back(pair)
    back.catch_up(30.0)
    assert pair.differences() == []
    back.end()
    for place in (source, native):
        assert place.sql(LEFT) == []
        assert [row for row in place.sql(IDENTITIES) if row[1] != dict(before)[row[0]]] == []


RIGHTS = """SELECT has_table_privilege('shop_service', 'orders', 'SELECT, INSERT, UPDATE, DELETE'),
  has_sequence_privilege('shop_service', 'orders_n_seq', 'USAGE'), has_database_privilege('shop_service', current_database(), 'CONNECT'),
  has_table_privilege('shop_reader', 'orders', 'SELECT'), has_table_privilege('shop_reader', 'orders', 'INSERT'),
  has_function_privilege('cryptobot_pgbouncer', 'cryptobot_pooler.lookup(text)', 'EXECUTE'),
  has_schema_privilege('cryptobot_pgbouncer', 'cryptobot_pooler', 'USAGE'),
  has_database_privilege('cryptobot_pgbouncer', current_database(), 'CONNECT')"""


def test_services_have_their_rights_before_a_window_opens_the_copy(pair, servers):
    """What the source's login owned is natively another role's, so no right of the source's is theirs."""
    admin = lab.Place(servers[1], "postgres")
    roles = ("shop_owner", "shop_service", "shop_reader", "cryptobot_pgbouncer")
    for role in roles:
        admin.sql(f"CREATE ROLE {role} {'NOLOGIN' if role == 'shop_owner' else 'LOGIN'}")
    try:
        access = {"shop_service": "write", "shop_reader": "read", "cryptobot_pgbouncer": "connect"}
        given = wish({**pair.given, "owner": "shop_owner", "access": access})
        follow = Follow(pair.follow.journal, "run", pair.source.endpoint, pair.native.endpoint, [given], 2, 30.0)
        follow.begin()
        pair.source.sql("INSERT INTO orders (id) VALUES ('since')", user=lab.APP)
        follow.catch_up(60.0)
        assert pair.native.sql(RIGHTS) == [(True, True, True, True, False, True, True, True)]
        with pytest.raises(Exception, match="writes are fenced"):
            pair.native.sql("INSERT INTO orders (id) VALUES ('early')")
        assert follow.begin() == {} and pair.state().obstacles == ()
    finally:
        follow.end()
        admin.sql(f'DROP DATABASE IF EXISTS "{pair.native.database}" WITH (FORCE)')
        for role in roles:
            admin.sql(f"DROP ROLE {role}")


def test_a_source_that_has_another_address_is_followed_there(pair):
    pair.follow.begin()
    assert pair.follow.needed() == []
    away = "host='127.0.0.1' port='1' dbname='x' user='y'"
    with closing(sessions.controller(pair.native.endpoint, pair.native.database)) as session, session.cursor() as cursor:
        cursor.execute(f"ALTER SUBSCRIPTION {FORWARD} CONNECTION %s", (away,))
    assert pair.follow.needed() == ["shop-1"]
    assert pair.follow.begin() == {} and pair.follow.needed() == []
    pair.source.sql("INSERT INTO orders (id) VALUES ('moved')", user=lab.APP)
    print(f"\ncaught up {pair.follow.catch_up(60.0)['shop-1']} s after the new address")
    assert pair.differences() == []


def test_what_is_written_to_does_not_follow(pair):
    """After a window, for whoever begins the copy again."""
    pair.source.sql(KINDS, user=lab.APP)
    switched(pair)
    followed_back(pair)
    rows = pair.native.rows()
    with pytest.raises(FollowError, match=r"is open and written to, so it must not follow\..*native\.rollback"):
        pair.follow.begin()
    assert pair.native.rows() == rows


def test_without_the_advance_rows_come_twice(pair, monkeypatch):
    """The test of the test: the way back would begin at the guard, and repeat what has come from there."""
    pair.source.sql(KINDS, user=lab.APP)
    monkeypatch.setattr(turn.publisher, "advance", lambda cursor, name: None)
    switched(pair)
    back = followed_back(pair)
    with contextlib.suppress(FollowError):
        back.catch_up(5.0)
    errors, doubled = back.state(back.wishes[0]).errors, pair.source.sql("SELECT count(*) FROM keyless")
    back.end()
    print(f"\nwithout the advance the way back failed {errors} times; rows of a table without a key: {doubled[0][0]} for 2")
    if int(pair.source.server.version) < 16:
        assert errors or doubled != [(2,)]
    else:
        # From 16 on a subscription leaves out what came from its own side.
        assert not errors and doubled == [(2,)]


def test_a_target_that_crashes_sends_nothing_twice(pair, monkeypatch):
    """A server forgets where a slot was advanced to: the way back would begin at the guard, as above.

    The first time it is kept with what the slot holds back, so that only the second shows it."""
    pair.source.sql(KINDS, user=lab.APP)
    prepare = turn.prepare

    def advanced(connection, name, seconds):
        prepare(connection, name, seconds)
        with connection.cursor() as cursor:
            turn.publisher.advance(cursor, turn.publisher.ahead_of(name))

    monkeypatch.setattr(turn, "prepare", advanced)
    switched(pair)
    lab.crash(pair.native.server)
    back = followed_back(pair)
    back.catch_up(30.0)
    assert pair.differences() == [] and not back.state(back.wishes[0]).errors
    slots = pair.native.sql("SELECT slot_name FROM pg_replication_slots WHERE database = current_database()")
    assert slots == [(REVERSE,)]


def switched(pair: Pair) -> set[str]:
    """Everything up to the moment at which nothing more comes in; what was acknowledged meanwhile."""
    source, native = pair.source, pair.native
    for table in KEYS:
        source.sql(f"INSERT INTO {table} VALUES ('a', 1), ('b', 2), ('c', 3)")
    source.sql("INSERT INTO orders SELECT i::text FROM generate_series(1, 20000) i")
    with lab.load(lab.writers(source)) as writers:
        calm = max(each.longest for each in writers)
        pair.follow.begin()
        with closing(sessions.controller(native.endpoint, native.database)) as new:
            turn.prepare(new, REVERSE, 30.0)
        for table in KEYS:
            source.sql(f"UPDATE {table} SET n = 9 WHERE id = 'a'; DELETE FROM {table} WHERE id = 'b'", user=lab.APP)
        assert pair.state().following and pair.state().obstacles == ()
        assert native.refused("INSERT INTO orders VALUES ('x')", "postgres")
        time.sleep(1)
        move(source, "closed", epoch=1)
        took = pair.follow.catch_up(30.0)
        with closing(sessions.controller(native.endpoint, native.database)) as new, new.cursor() as cursor:
            turn.point(cursor, FORWARD, REVERSE)
    acknowledged = lab.acknowledged(writers)
    lost = acknowledged - native.rows()
    print(
        f"\n{len(acknowledged)} acknowledged past the doors, {len(lost)} missing, "
        f"{sum(each.refused for each in writers)} refused, {len(lab.failures(writers))} failed; marker after "
        f"{took['shop-1'] * 1000:.0f} ms; longest write while it was copied "
        f"{max(each.longest for each in writers) * 1000:.0f} ms (before: {calm * 1000:.0f} ms)"
    )
    assert not lost and lab.failures(writers) == []
    return acknowledged


def followed_back(pair: Pair) -> Follow:
    """The rest of the window and a while afterwards: what is written natively comes back, once."""
    source, native = pair.source, pair.native
    with closing(fence(native).connection) as side:
        new = Fence(side, native.database, WINDOW)
        new.arm(2)
        new.open(2)
    many = "INSERT INTO orders SELECT '{0}-' || i FROM generate_series(1, 500) i; {1}"
    native.sql(many.format("n", "UPDATE keyless SET n = n + 1"), user=lab.APP)
    with (
        closing(sessions.controller(source.endpoint, source.database)) as one,
        closing(sessions.controller(native.endpoint, native.database)) as other,
        one.cursor() as old,
        other.cursor() as new,
    ):
        turn.drop_forward(one, other, "shop-1", FORWARD, 30.0)
        turn.follow_back(old, new, REVERSE, "shop-1", native.endpoint, native.database, {})
    native.sql(many.format("m", "DELETE FROM nothing"), user=lab.APP)
    return pair.back


def test_what_is_not_followed_is_named(pair):
    pair.source.sql(KINDS, user=lab.APP)
    pair.follow.begin()
    assert pair.follow.begin() == {} and pair.follow.needed() == []
    pair.source.sql("ALTER TABLE orders ADD COLUMN note text", user=lab.APP)
    pair.source.sql("CREATE TABLE later (id int PRIMARY KEY)", user=lab.APP)
    pair.source.sql("INSERT INTO scratch VALUES ('x'); SELECT lo_from_bytea(0, 'x')", user=lab.APP)
    until, text = time.monotonic() + 10, ""
    while "Large objects" not in text or "public.scratch" not in text:
        text = " ".join(pair.state().obstacles)
        assert time.monotonic() < until, text
        time.sleep(0.2)
    assert (
        "ALTER TABLE public.orders was done here since the copy and is not on the other side: ALTER TABLE "
        "orders ADD COLUMN note text" in text
    )
    assert "The table public.later is not followed" in text
    with pytest.raises(FollowError, match="ADD COLUMN note text"):
        pair.follow.catch_up(5.0)
    pair.follow.end()
    assert pair.source.sql(LEFT) == [] and pair.native.sql(LEFT) == []
    assert not pair.follow.end()


def test_table_that_can_not_be_followed_is_refused(pair):
    pair.source.sql("CREATE TABLE odd (j json, at point)", user=lab.APP)
    with pytest.raises(
        FollowError, match=r"public.odd has neither a usable key nor only columns that can be compared \(json, point\)"
    ):
        pair.follow.begin()
    pair.source.sql("UPDATE odd SET j = '1'; DELETE FROM odd", user=lab.APP)
    pair.follow.end()
    assert pair.source.sql(LEFT) == []


@pytest.mark.parametrize("moment", ["seed_slot", "_join", "enable"])
def test_cut_off_and_begun_again(pair, moment, monkeypatch):
    """Whatever a beginning leaves behind, the next one follows all the same."""
    import ansible_collections.cryptobot.native.plugins.module_utils.postgresql.follow.call as call

    class Cut(BaseException):
        pass

    def cut(*__, **___):
        raise Cut

    with monkeypatch.context() as patched:
        place = {"seed_slot": call.publisher, "_join": Follow, "enable": call.subscriber}[moment]
        patched.setattr(place, moment, cut)
        with pytest.raises(Cut):
            pair.follow.begin()
    pair.source.sql("INSERT INTO orders VALUES ('between')")
    pair.follow.begin()
    pair.source.sql("INSERT INTO orders VALUES ('after')")
    pair.follow.catch_up(20.0)
    assert pair.native.rows() == {"between", "after"} and pair.differences() == []


def test_transaction_that_does_not_end_is_named(pair):
    """A slot begins when all transactions of its server have ended."""
    pair.follow.patience = 2.0
    open_ = pair.source.connect(autocommit=False)
    with open_.cursor() as cursor:
        cursor.execute("SELECT txid_current()")
    with pytest.raises(
        FollowError,
        match=r"and after 2 s there is the transaction of process \d+ of app \(test "
        r"app, idle",
    ):
        pair.follow.begin()
    open_.rollback()
    open_.close()
    assert pair.source.sql("SELECT 1 FROM pg_replication_slots") == []
    pair.follow.patience = 30.0
    pair.follow.begin()
    assert pair.state().following


def test_lock_that_is_held_is_named(pair):
    pair.follow.patience = 2.0
    pair.source.sql("CREATE TABLE keyless (id text)", user=lab.APP)
    holder = pair.source.connect(autocommit=False)
    with holder.cursor() as cursor:
        cursor.execute("INSERT INTO keyless VALUES ('x')")
    with pytest.raises(FenceError, match=r"on public.keyless: its lock could not be had .* process \d+ of app"):
        pair.follow.begin()
    holder.rollback()
    holder.close()
