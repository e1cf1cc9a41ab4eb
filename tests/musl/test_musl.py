"""A source built against musl, as postgres:*-alpine is: named, not copied physically, and every value found
natively.

musl orders text by code points whatever the locale is called, glibc as people do. The source is built once
(tests/servers/musl) and kept in the cache; the target is Debian's server. Both have the locale en_US.UTF-8, which is
made where it is missing.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "servers"))

import postgresql  # noqa: E402
from ansible_collections.cryptobot.native.plugins.module_utils.migration.journal import Journal  # noqa: E402
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql import inventory, strategy  # noqa: E402
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.compare import run  # noqa: E402
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.endpoint import Endpoint  # noqa: E402
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.transfer.call import Transfer, wish  # noqa: E402

LOCALE = "en_US.UTF-8"
KEYS = 20_000
SETTINGS = {"shared_buffers": "32MB", "fsync": "off"}
SEED = f"""
CREATE TABLE words (word text PRIMARY KEY, other text NOT NULL);
INSERT INTO words
SELECT (ARRAY['a-', 'A ', 'b_', 'É', 'é', 'z', 'Ä/', 'ab'])[1 + i % 8] || md5(i::text), md5((i * 7)::text)
FROM generate_series(1, {KEYS}) i;
CREATE UNIQUE INDEX words_other ON words (other, word); CREATE INDEX words_lower ON words (lower(word));
CREATE TABLE parted (name text, n int) PARTITION BY RANGE (name);
CREATE TABLE parted_low PARTITION OF parted FOR VALUES FROM (MINVALUE) TO ('b');
CREATE TABLE parted_high PARTITION OF parted FOR VALUES FROM ('b') TO (MAXVALUE);
INSERT INTO parted SELECT word, 1 FROM words; ANALYZE"""
# As an application looks a value up.
FOUND = (
    "SELECT count(*) FROM (SELECT word AS w FROM words OFFSET 0) s WHERE EXISTS (SELECT FROM words WHERE word = s.w)"
)
BY_INDEX = "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off"
CHECKED = """SELECT count(bt_index_parent_check(c.oid::regclass, true)) FROM pg_class c JOIN pg_am a ON a.oid = c.relam
WHERE c.relkind = 'i' AND a.amname = 'btree' AND c.relnamespace = 'public'::regnamespace"""


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def endpoint(server: postgresql.Server) -> Endpoint:
    return Endpoint(
        "127.0.0.1", server.port, "postgres", postgresql.PASSWORD, "", f"PostgreSQL at {server.port}", "disable"
    )


def asked(server: postgresql.Server, database: str, *statements: str) -> int:
    connection = psycopg2.connect(
        host="127.0.0.1", port=server.port, user="postgres", password=postgresql.PASSWORD, dbname=database
    )
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return cursor.fetchone()[0]
    finally:
        connection.close()


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[postgresql.Server, postgresql.Server]]:
    if (
        LOCALE.lower().replace("-", "")
        not in subprocess.run(["locale", "-a"], capture_output=True, text=True, check=True).stdout.lower()
    ):
        done = subprocess.run(
            ["localedef", "-i", "en_US", "-f", "UTF-8", LOCALE], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{LOCALE} can't be made (apt-get install locales, and run as root): {done.stderr}"
    folder = Path(tempfile.mkdtemp(prefix="cryptobot-musl-"))
    folder.chmod(0o755)
    source = postgresql.Server("15-musl", free_port(), folder / "source", SETTINGS, LOCALE)
    target = postgresql.Server("15", free_port(), folder / "target", SETTINGS, LOCALE)
    try:
        for server in (source, target):
            server.start()
        with endpoint(source).cursor() as cursor:
            cursor.execute("CREATE DATABASE words")
        with endpoint(source).cursor("words") as cursor:
            cursor.execute(SEED)
        with endpoint(target).cursor() as cursor:
            cursor.execute("CREATE ROLE words_owner; CREATE ROLE words_app LOGIN")
        yield source, target
    finally:
        for server in (source, target):
            server.remove()
        shutil.rmtree(folder, ignore_errors=True)


def test_it_is_named_and_a_physical_copy_is_refused(servers):
    source, target = (inventory.server(endpoint(server)) for server in servers)
    shown = inventory.database(endpoint(servers[0]), "words")
    assert (source.libc, target.libc) == ("musl", "glibc") and "musl" in source.full_version
    notes = {each["code"]: each for each in strategy.findings("words", shown, source, target)}
    assert "is built with musl" in notes["libc"]["text"] and "ordered otherwise natively" in notes["libc"]["text"]
    assert all(each["severity"] != strategy.BLOCKING for each in notes.values()), notes
    reasons = strategy.choose(shown, source, target, False)["others"][strategy.STANDBY]
    assert any(each.startswith("refused: musl to glibc orders text otherwise") for each in reasons)


@pytest.mark.parametrize("way", ["stream", "archive"])
def test_every_value_is_found(servers, way, tmp_path):
    source, target = servers
    given = {
        "datastore": "words",
        "source": "words",
        "target": f"words_{way}",
        "owner": "words_owner",
        "access": {"words_app": "write"},
    }
    transfer = Transfer(Journal(tmp_path), "run", endpoint(source), endpoint(target), [wish({**given, "way": way})], 2)
    assert transfer.copied()[0]
    pair = run.Pair(
        "words", "words", f"words_{way}__incoming", "words_owner", {}, {"words_app": "write"}, restoring=True
    )
    found = run.compare(endpoint(source), endpoint(target), pair)
    assert [str(each) for each in found.differences] == []
    assert any("text may sort differently on the two sides" in note for note in found.notes)
    transfer.active()
    assert asked(target, f"words_{way}", BY_INDEX, FOUND) == KEYS
    assert asked(target, f"words_{way}", "CREATE EXTENSION amcheck", CHECKED) == 3
    order = "SELECT (SELECT string_agg(word, ' ') FROM (SELECT word FROM words ORDER BY word LIMIT 5) s)"
    assert asked(source, "words", order) != asked(target, f"words_{way}", order)


def test_a_physical_copy_would_have_lost_values(servers):
    """Why it is refused; and that the look of the test above sees it."""
    source, __ = servers
    naive = postgresql.Server("15", free_port(), source.directory.with_name("naive"), SETTINGS, LOCALE)
    source.stop()
    try:
        shutil.copytree(source.directory, naive.directory)
        for folder, __, files in os.walk(naive.directory):
            for path in (folder, *(os.path.join(folder, name) for name in files)):
                shutil.chown(path, postgresql.ACCOUNT)
        naive.start()
        assert asked(naive, "words", BY_INDEX, FOUND) < KEYS
        with pytest.raises(psycopg2.Error):
            asked(naive, "words", "CREATE EXTENSION amcheck", CHECKED)
    finally:
        naive.remove()
        source.start()
