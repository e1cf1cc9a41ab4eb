"""What goes wrong in a copy: a sentence, nothing half taken for whole, the source as it was, and a rerun goes on."""

from __future__ import annotations

import re

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.transfer import archive, pipe
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.transfer.errors import TransferError
from conftest import TABLES
from lines import Line

HALF = "copy:postgresql:shop:50%"


@pytest.fixture
def line(shop):
    made = Line(shop.source_server.port)
    yield made
    made.close()


def failed(transfer) -> str:
    """The sentence with which a copy ends; it can't be put into place then."""
    with pytest.raises(TransferError) as error:
        transfer.copied()
    return str(error.value)


def half(shop) -> None:
    """What there is of the copy is no whole one."""
    with pytest.raises(TransferError, match="is no whole copy of this run"):
        shop.transfer().active()


def whole_after_all(shop, resumed: bool = True) -> None:
    """The next run ends with an equal copy."""
    changed, found = shop.transfer().copied()
    assert changed and shop.differences() == []
    assert (found["shop"]["parts_from_before"] > 0) == resumed
    assert not shop.transfer().copied()[0]
    shop.transfer().active()
    assert shop.into in shop.databases() and shop.fresh not in shop.databases()


def test_cut_line_to_the_source(shop, line):
    source = shop.endpoint(shop.source_server, line.port)
    with shop.at(HALF, line.cut):
        text = failed(shop.transfer(source))
    assert re.search(r"PostgreSQL at \d+, public\.\w+: the connection was lost \(", text), text
    assert f"What was copied stays in {shop.fresh}, which nothing takes for whole" in text
    half(shop)
    line.mend()
    whole_after_all(shop)


def test_cut_line_to_the_target(shop, line):
    other = Line(shop.target_server.port)
    try:
        with shop.at(HALF, other.cut):
            text = failed(shop.transfer(aim=shop.endpoint(shop.target_server, other.port)))
    finally:
        other.close()
    assert "the connection was lost" in text and shop.fresh in text
    half(shop)
    whole_after_all(shop)


def test_line_that_falls_silent(shop, line, monkeypatch):
    monkeypatch.setattr(pipe, "SOURCE_SECONDS", 2.0)
    with shop.at(HALF, line.silence):
        text = failed(shop.transfer(shop.endpoint(shop.source_server, line.port)))
    assert "the source sent nothing for 2 seconds" in text
    half(shop)
    line.mend()
    whole_after_all(shop)


def test_target_that_is_killed(shop):
    def kill() -> None:
        # The copy commits without waiting for the disk: what was not flushed goes with the server, its marks too.
        with shop.target.cursor() as cursor:
            cursor.execute("CHECKPOINT")
        shop.target_server.stop("immediate")

    with shop.at(HALF, kill):
        text = failed(shop.transfer())
    assert shop.fresh in text or "is not reached" in text
    shop.target_server.start()
    half(shop)
    whole_after_all(shop)


def test_source_that_stops(shop):
    """Started again it may have been written to: the copy begins anew by itself."""
    with shop.at(HALF, lambda: shop.source_server.stop("immediate")):
        text = failed(shop.transfer())
    assert "the connection was lost" in text or "was stopped meanwhile" in text, text
    half(shop)
    shop.source_server.start()
    whole_after_all(shop, resumed=False)


def test_source_that_is_written_to_between(shop, line):
    with shop.at(HALF, line.cut):
        failed(shop.transfer(shop.endpoint(shop.source_server, line.port)))
    with shop.source.cursor("shop") as cursor:
        cursor.execute("UPDATE journal SET price = price + 1 WHERE id = 7")
    try:
        whole_after_all(shop, resumed=False)
    finally:
        shop.known = shop.state_of_source()


def test_disk_too_small(shop):
    shop.disk.fill(40)
    text = failed(shop.transfer())
    assert re.search(
        r"shop needs \d+ MB on the disk of PostgreSQL at \d+, and (39|40) MB are free\. Make room", text
    ), text
    assert "Nothing was started." in text and shop.fresh not in shop.databases()
    shop.disk.clear()
    whole_after_all(shop, resumed=False)


@pytest.mark.parametrize("way", ["stream", "archive"])
def test_disk_that_is_filled_midway(shop, way, monkeypatch):
    restore = archive.Archive._run_restore

    def filled(*words):
        shop.disk.fill(3)
        restore(*words)

    with monkeypatch.context() as patch:
        if way == "archive":
            patch.setattr(archive.Archive, "_run_restore", filled)
            text = failed(shop.transfer(way=way))
        else:
            with shop.at("copy:postgresql:shop:10%", lambda: shop.disk.fill(3)):
                text = failed(shop.transfer(way=way))
    assert "disk is full" in text or "No space left on device" in text, text
    # A server whose log found no room either is down by then.
    assert "The unfinished copy was removed." in text or "is still there, for the server does not answer" in text, text
    shop.disk.clear()
    shop.up()
    changed, __ = shop.transfer(way=way).copied()
    assert changed and shop.differences() == []


def test_dump_that_was_cut_off(shop, monkeypatch):
    """The archive way, killed between dump and restore, and its dump damaged since."""

    def stop(*__):
        raise TransferError("the restore was ended")

    with monkeypatch.context() as patch:
        patch.setattr(archive.Archive, "_restore", stop)
        assert failed(shop.transfer(way="archive")) == "the restore was ended"
    (folder,) = (shop.folder / "journal" / shop.into).glob("dumps/*/shop")
    largest = max(folder.glob("*.dat"), key=lambda path: path.stat().st_size)
    with largest.open("r+b") as file:
        file.truncate(largest.stat().st_size - 100)
    shop.transfer(way="archive").copied()
    assert shop.differences() == [] and not folder.exists()


def test_target_with_a_schema_of_its_own(shop):
    with shop.target.cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{shop.into}"')
    with shop.target.cursor(shop.into) as cursor:
        cursor.execute("CREATE TABLE orders (id int PRIMARY KEY, other text); INSERT INTO orders VALUES (1, 'mine')")
    before = shop.digests(shop.target, shop.into)
    text = failed(shop.transfer())
    assert (
        f"{shop.into} on" in text
        and "is there already and not empty: table public.orders. Nothing was changed." in text
    )
    assert shop.digests(shop.target, shop.into) == before and shop.fresh not in shop.databases()
    with shop.target.cursor() as cursor:
        cursor.execute(f'ALTER DATABASE "{shop.into}" RENAME TO "{shop.into}_old"')
    whole_after_all(shop, resumed=False)


def test_whole_copy_that_somebody_filled_the_name_of(shop):
    """Copied, and before the rename somebody makes the target and puts a row into it."""
    shop.transfer().copied()
    with shop.target.cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{shop.into}"')
    with shop.target.cursor(shop.into) as cursor:
        cursor.execute("CREATE TABLE precious AS SELECT 1 AS one")
    with pytest.raises(TransferError, match=r"not empty: table public\.precious"):
        shop.transfer().active()
    assert [name for name in shop.databases() if name.startswith(shop.into)] == [shop.into, shop.fresh]
    with shop.target.cursor() as cursor:
        cursor.execute(f'DROP DATABASE "{shop.into}"')
    shop.transfer().active()
    assert shop.differences(shop.into) == [] and len(TABLES) == 4
