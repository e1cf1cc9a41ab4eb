"""What is refused before anything is changed: a sentence that says what, where and what to do."""

from __future__ import annotations

import dataclasses
import json

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.migration.journal import Journal
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql import inventory
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.backup import restore, save
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.backup.save import BackupError
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.endpoint import EndpointError
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.transfer.errors import TransferError
from conftest import VERSIONS, Shop, free_port

ODD = {
    "missing-locale": (
        "CREATE COLLATION odd_one (provider = libc, locale = 'C'); "
        "UPDATE pg_collation SET collcollate = 'xx_YY.utf8', collctype = 'xx_YY.utf8' WHERE collname = 'odd_one'",
        ("odd uses the locale xx_YY.utf8, which the native host does not have.", "xx_YY.UTF-8 UTF-8", "locale-gen"),
    ),
    "missing-extension": (
        # As the catalogue of a server with that extension shows it.
        "CREATE EXTENSION hstore; "
        "UPDATE pg_extension SET extname = 'timescaledb', extversion = '2.14.2' WHERE extname = 'hstore'",
        (
            "odd uses timescaledb 2.14.2, which the native server does not have.",
            f"timescaledb-2-postgresql-{VERSIONS[1]}",
        ),
    ),
    "prepared-transaction": (
        "CREATE TABLE t (i int); BEGIN; INSERT INTO t VALUES (1); PREPARE TRANSACTION 'forgotten'",
        ("odd has prepared transactions (forgotten)", "COMMIT PREPARED or ROLLBACK PREPARED"),
    ),
}


def refused(shop: Shop, **more: object) -> str:
    """The sentence; nothing has come into being at the target."""
    before = shop.databases()
    with pytest.raises((TransferError, EndpointError)) as error:
        shop.transfer(**more).copied()
    assert shop.databases() == before
    return str(error.value)


@pytest.mark.parametrize("kind", list(ODD))
def test_odd_database(shop, odd, kind):
    statements, said = ODD[kind]
    text = refused(shop, source=odd(statements))
    assert all(each in text for each in said), text


def test_locale_that_was_asked_for(shop):
    text = refused(shop, locale="zz_ZZ.UTF-8")
    assert "shop uses the locale zz_ZZ.UTF-8, which the native host does not have." in text


def test_missing_role(shop):
    text = refused(shop, owner="nobody_owner")
    assert "lacks the role nobody_owner. Run the preparation first" in text


def test_missing_database(shop):
    assert "has no database nix" in refused(shop, source="nix")


def test_newer_source(shop, monkeypatch):
    """A server that says it is one major further."""
    found, newer = inventory.server, int(VERSIONS[1]) + 1

    def server(endpoint):
        is_source = endpoint.port == shop.source.port
        return dataclasses.replace(found(endpoint), version=newer) if is_source else found(endpoint)

    monkeypatch.setattr(inventory, "server", server)
    text = refused(shop)
    assert f"is version {newer}, PostgreSQL at" in text and "an older server does not take what a newer one has" in text
    assert f"Install PostgreSQL {newer} or newer natively" in text
    assert f"The newest pg_dump of this host is version {found(shop.target).client} and refuses a server of" in text


def test_wrong_password(shop):
    wrong = dataclasses.replace(shop.source, password="wrong")
    text = refused(shop, origin=wrong)
    assert f"{shop.source.title} does not accept the password of postgres. Check password_file." in text
    assert "wrong" not in text


def test_unreachable(shop):
    text = refused(shop, origin=shop.endpoint(shop.source_server, free_port()))
    assert "is not reached:" in text and "Check that it runs and listens there." in text


@pytest.fixture(scope="module")
def saved(servers: Shop) -> dict:
    """A backup of the shop, file by file, so that each test can damage it anew."""
    servers.folder.joinpath("backup").mkdir(mode=0o700)
    archive = servers.folder / "backup" / "archive"
    save.Saver(servers.source, archive, Journal(servers.folder / "journal" / "saved"), "saved", 2).save(
        [{"datastore": "shop", "source": "shop"}]
    )
    return {"archive": archive, "files": {path: path.read_bytes() for path in archive.rglob("*") if path.is_file()}}


def restored(shop: Shop, saved: dict) -> dict:
    journal = Journal(shop.folder / "journal" / shop.into)
    return restore.Restorer(shop.target, saved["archive"], journal, "restored", 2).restore(
        [{"datastore": "shop", "source": "shop"}]
    )


def largest(files: dict):
    return max((path for path in files if path.suffix == ".gz"), key=lambda path: len(files[path]))


DAMAGES = {
    "truncated": lambda saved: largest(saved["files"]).write_bytes(saved["files"][largest(saved["files"])][:-100]),
    "corrupt": lambda saved: largest(saved["files"]).write_bytes(
        bytes(1) + saved["files"][largest(saved["files"])][1:]
    ),
    "empty": lambda saved: largest(saved["files"]).write_bytes(b""),
    "unfinished": lambda saved: (saved["archive"] / save.MANIFEST).unlink(),
    "newer": lambda saved: _written_by(saved["archive"], 99),
}
SAID = {
    "truncated": "is damaged: shop/",
    "corrupt": "has another content than was written",
    "empty": "has 0 bytes and should have",
    "unfinished": "is no whole archive: manifest.json, which is written last, is missing",
    "newer": "was written by pg_dump 99, and pg_restore of this host is",
}


def _written_by(archive, major: int) -> None:
    path = archive / save.MANIFEST
    manifest = json.loads(path.read_text())
    manifest["server"]["pg_dump"] = major
    path.write_text(json.dumps(manifest))


@pytest.mark.parametrize("damage", list(DAMAGES))
def test_damaged_backup(shop, saved, damage):
    with shop.target.cursor() as cursor:
        cursor.execute("CREATE DATABASE shop")
    with shop.target.cursor("shop") as cursor:
        cursor.execute("CREATE TABLE mine AS SELECT 42 AS answer")
    before, there = shop.databases(), shop.digests(shop.target, "shop")
    try:
        DAMAGES[damage](saved)
        with pytest.raises(BackupError) as error:
            restored(shop, saved)
    finally:
        for path, content in saved["files"].items():
            path.write_bytes(content)
    assert SAID[damage] in str(error.value)
    assert shop.databases() == before and shop.digests(shop.target, "shop") == there


def test_whole_backup(shop, saved):
    """The same archive, undamaged, is restored: the refusals above are not for nothing."""
    with shop.target.cursor() as cursor:
        cursor.execute("CREATE ROLE shop_user")
    assert restored(shop, saved)["shop"]["rows"] == 120000
    assert shop.digests(shop.target, "shop") == shop.known["rows"]
