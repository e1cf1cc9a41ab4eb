"""The fence stays where it is: copies, backups and comparisons of a closed database are as if it had none."""

from __future__ import annotations

from pathlib import Path

import lab
import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.migration.journal import Journal
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.backup import save
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.backup.restore import Restorer
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.compare import run
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.transfer.call import Transfer, wish
from test_fence import move

OF_THE_FENCE = """
SELECT 'schema' FROM pg_namespace WHERE nspname = 'migration' UNION ALL SELECT 'trigger' FROM pg_trigger
  WHERE tgname ~ 'migration'
UNION ALL SELECT 'event trigger' FROM pg_event_trigger UNION ALL SELECT rolname FROM pg_roles
  WHERE rolname ~ '^migration'"""
LARGE = "SELECT lo_unlink(lo_from_bytea(0, 'x')) = 1"


@pytest.fixture
def native(servers):
    place = lab.Place(servers[1], "postgres")
    # A role is the server's: one that an earlier test's fence has left would look as if it had travelled.
    place.sql("DROP ROLE IF EXISTS migration_controller, migration_follower")
    place.sql("CREATE ROLE shop_owner; CREATE ROLE shop_app LOGIN")
    yield place
    place.sql("DROP DATABASE IF EXISTS shop WITH (FORCE)")
    place.sql("DROP ROLE shop_owner; DROP ROLE shop_app")


@pytest.fixture
def closed(source):
    source.sql("INSERT INTO orders VALUES ('a', 7); INSERT INTO ticks VALUES ('b', 3); SELECT lo_from_bytea(0, 'x')")
    move(source, "installed")
    move(source, "closed", epoch=1)
    return source


@pytest.mark.parametrize("way", ["stream", "archive"])
def test_copy(closed, native, tmp_path: Path, way):
    given = {"datastore": "shop", "source": closed.database, "target": "shop", "owner": "shop_owner", "access": {"shop_app": "write"}, "way": way}  # fmt: skip
    transfer = Transfer(Journal(tmp_path), "run", closed.endpoint, native.endpoint, [wish(given)], 2)
    transfer.copied()
    transfer.active()
    shop = lab.Place(native.server, "shop")
    assert shop.sql(OF_THE_FENCE) == [] and not shop.refused("INSERT INTO orders VALUES ('late')")
    shop.sql("DELETE FROM orders WHERE id = 'late'")
    assert shop.sql(f"SET ROLE shop_app; {LARGE}") == [(True,)]
    shop.sql("SELECT setval('orders_n_seq', 1, false)")
    pair = run.Pair("shop", closed.database, "shop", "shop_owner", {}, {"shop_app": "write"})
    assert [str(each) for each in run.compare(closed.endpoint, native.endpoint, pair).differences] == []


def test_fence_on_either_side_is_no_difference(closed, native, tmp_path: Path):
    test_copy(closed, native, tmp_path, "stream")
    shop = lab.Place(native.server, "shop")
    move(shop, "installed", born="closed")
    pair = run.Pair("shop", closed.database, "shop", "shop_owner", {}, {"shop_app": "write"})
    assert [str(each) for each in run.compare(closed.endpoint, native.endpoint, pair).differences] == []


def test_backup(closed, tmp_path: Path):
    tmp_path.chmod(0o755)
    databases = [{"datastore": "shop", "source": closed.database}]
    parts = (closed.endpoint, tmp_path / "archive", Journal(tmp_path / "journal"), "run", 2)
    save.Saver(*parts).save(databases)
    assert b"migration_controller" not in (tmp_path / "archive" / save.ROLES).read_bytes()
    move(closed, "open", epoch=1)
    move(closed, "removed")
    closed.sql("DELETE FROM orders")
    Restorer(*parts).restore(databases)
    try:
        assert closed.sql(OF_THE_FENCE) == [] and closed.rows() == {"a", "b"}
        assert not closed.refused("INSERT INTO orders VALUES ('late')", lab.APP) and closed.sql(
            LARGE, user=lab.APP
        ) == [(True,)]
    finally:
        lab.Place(closed.server, "postgres").sql(f"DROP DATABASE IF EXISTS {closed.database}__replaced WITH (FORCE)")


def test_own_schema_of_that_name_goes_along(source, native, tmp_path: Path):
    source.sql(
        "CREATE SCHEMA migration; CREATE TABLE migration.alembic (version text); INSERT INTO migration.alembic "
        "VALUES ('x')"
    )
    given = {
        "datastore": "shop",
        "source": source.database,
        "target": "shop",
        "owner": "shop_owner",
        "access": {"shop_app": "write"},
    }
    transfer = Transfer(Journal(tmp_path), "run", source.endpoint, native.endpoint, [wish(given)], 2)
    transfer.copied()
    transfer.active()
    assert lab.Place(native.server, "shop").sql("SELECT version FROM migration.alembic") == [("x",)]
    pair = run.Pair("shop", source.database, "shop", "shop_owner", {}, {"shop_app": "write"})
    assert [str(each) for each in run.compare(source.endpoint, native.endpoint, pair).differences] == []
