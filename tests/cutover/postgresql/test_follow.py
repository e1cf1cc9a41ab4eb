"""A database that follows while it is written to: nothing missing, nothing twice, there and back."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import lab
import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.migration.journal import Journal
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.compare import run
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.fence import sessions
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.fence.errors import FenceError
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.follow import publisher, turn
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.follow.call import Follow
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.follow.errors import FollowError
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.transfer.call import wish
from test_fence import fence, move

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
    with contextlib.suppress(Exception):
        both.follow.end()
    admin = lab.Place(servers[1], "postgres")
    for (name,) in admin.sql("SELECT datname FROM pg_database WHERE datname LIKE %s", f"{native.database}%"):
        admin.sql(f'DROP DATABASE "{name}" WITH (FORCE)')


def test_nothing_is_missing_after_the_switch(pair):
    """Copied and followed under writers past the doors; closed, caught up, compared; then back."""
    source, native = pair.source, pair.native
    source.sql(KINDS, user=lab.APP)
    for table in KEYS:
        source.sql(f"INSERT INTO {table} VALUES ('a', 1), ('b', 2), ('c', 3)")
    source.sql("INSERT INTO orders SELECT i::text FROM generate_series(1, 20000) i")
    before = source.sql(IDENTITIES)
    with lab.load(lab.writers(source)) as writers:
        calm = max(each.longest for each in writers)
        pair.follow.begin()
        for table in KEYS:
            source.sql(f"UPDATE {table} SET n = 9 WHERE id = 'a'; DELETE FROM {table} WHERE id = 'b'", user=lab.APP)
        assert pair.state().following and pair.state().obstacles == ()
        assert native.refused("INSERT INTO orders VALUES ('x')", "postgres")
        time.sleep(1)
        move(source, "closed", epoch=1)
        took = pair.follow.catch_up(30.0)
        differences = pair.differences()
    acknowledged = lab.acknowledged(writers)
    lost = acknowledged - native.rows()
    print(f"\n{len(acknowledged)} acknowledged past the doors, {len(lost)} missing, "
          f"{sum(each.refused for each in writers)} refused, "
          f"{len(lab.failures(writers))} failed; marker after {took['shop-1'] * 1000:.0f} ms; longest write "
          f"while it was copied "
          f"{max(each.longest for each in writers) * 1000:.0f} ms (before: {calm * 1000:.0f} ms)")  # fmt: skip
    assert not lost and lab.failures(writers) == [] and differences == []
    assert native.sql("SELECT last_value, is_called FROM orders_n_seq") == source.sql(
        "SELECT last_value, is_called FROM orders_n_seq"
    )
    for table in KEYS:
        assert native.sql(f"SELECT id, n FROM {table} ORDER BY id") == [("a", 9), ("c", 3)], table
    back_again(pair, before)


def back_again(pair: Pair, before: list) -> None:
    """The rest of the window and a while afterwards: what is written natively comes back once."""
    source, native = pair.source, pair.native
    forward, reverse = (publisher.name_of("shop-1", side) for side in ("native", "docker"))
    one, other = (sessions.controller(place.endpoint, place.database) for place in (source, native))
    turn.prepare(other, reverse, 30.0)
    with one.cursor() as docker, other.cursor() as new:
        turn.point(new, forward, reverse)
        side = fence(native)
        side.arm(2)
        side.open(2)
        native.sql(
            "INSERT INTO orders SELECT 'n-' || i FROM generate_series(1, 500) i; UPDATE keyless SET n = n + 1",
            user=lab.APP,
        )
        turn.drop_forward(one, other, "shop-1", forward, 30.0)
        turn.follow_back(docker, new, reverse, "shop-1", native.endpoint, native.database, {})
        native.sql(
            "INSERT INTO orders SELECT 'm-' || i FROM generate_series(1, 500) i; DELETE FROM nothing", user=lab.APP
        )
        back = Follow(pair.follow.journal, "run", native.endpoint, source.endpoint, [wish({**pair.given, "source": native.database, "target": source.database})], 2, 30.0, "docker")  # fmt: skip
        back.catch_up(30.0)
    assert pair.differences() == []
    back.end()
    for each in (one, other, side.connection):
        each.close()
    for place in (source, native):
        assert place.sql(LEFT) == []
        assert [row for row in place.sql(IDENTITIES) if row[1] != dict(before)[row[0]]] == []


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
