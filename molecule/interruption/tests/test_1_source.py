"""What is wrong with the source, or the room for it, is said before anything is changed: all at once, with figures."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

import pytest
from migration import COMPOSE, CONTAINER, Migration

BROKEN = {
    "services": {
        "lonely": {
            "image": "nothing:1",
            "ports": ["8000:1"],
            "depends_on": ["ghost"],
            "environment": {"X": "${NOWHERE}"},
        }
    }
}
FILES = ["docker-compose.yml", "broken.yml"]
DATASTORES = "/var/lib/cryptobot-datastores"
SMALL = "64k"
BARS = "$(docker volume inspect -f '{{.Mountpoint}}' cryptobot_market-data)"
SAID = {
    "a port that two services publish": r"The services [\w-]+ and [\w-]+ both publish port 8000/tcp of the host",
    "a dependency on what is not there": r"lonely depends on the service ghost, which the files do not define",
    "a variable that nobody sets": r"The variable NOWHERE is not set, and lonely has no container that shows its value",
    "a number that is somebody here": r"belongs to the number 1, which means daemon on this host",
    "a disk that is too small": r"About \d+ MB are needed for .{0,60}bars, and 0 MB are free on its disk",
}


@pytest.fixture(scope="module")
def refused(host, migration: Migration) -> Iterator[str]:
    """A migration of a project in which all of this is wrong; what it said. Then all of it is mended."""
    host.check_output("printf %s > /srv/cryptobot/broken.yml", json.dumps(BROKEN))
    host.check_output(f"touch {BARS}/of-daemon && chown 1 {BARS}/of-daemon")
    host.check_output(f"install -d {DATASTORES} && mount -t tmpfs -o size={SMALL} tmpfs {DATASTORES}")
    try:
        before = migration.picture()
        said = migration.play(
            "migrate", good=False, cryptobot_compose={**COMPOSE, "files": FILES, "accept": migration.accept}
        )
        after = migration.picture()
        assert {name: after[name] for name in before if after[name] != before[name]} == {}
    finally:
        host.check_output(f"umount {DATASTORES} && rm -f {BARS}/of-daemon /srv/cryptobot/broken.yml")
    yield " ".join(said.split())


@pytest.mark.parametrize("what", SAID)
def test_it_is_said_before_anything_is_changed(refused: str, what: str) -> None:
    assert re.search(SAID[what], refused), refused[-6000:]
    assert "Nothing was changed" in refused


@pytest.fixture
def spoiled(host, settled: Callable[[], None]) -> Iterator[Callable[[str, str], None]]:
    """The database's container with something done to it, and then undone."""
    undo = []

    def spoil(command: str, back: str) -> None:
        undo.append(back)
        host.check_output(command)

    yield spoil
    for command in undo:
        host.check_output(command)
    settled()


def test_a_database_that_does_not_answer_is_named(migration: Migration, spoiled: Callable[[str, str], None]) -> None:
    spoiled(f"docker pause $({CONTAINER}postgres)", f"docker unpause $({CONTAINER}postgres)")
    said = " ".join(migration.play("plan", good=False).split())
    assert "is not reached" in said, said[-3000:]


def test_a_password_that_is_another_is_named_and_not_shown(
    host, migration: Migration, spoiled: Callable[[str, str], None]
) -> None:
    inside = f"docker exec -i $({CONTAINER}postgres) sh -c"
    change = f"""echo "ALTER ROLE postgres PASSWORD :'word'" | {inside} 'psql -qU postgres -v word=%s'"""
    spoiled(change % "of-another", change % '"$POSTGRES_PASSWORD"')
    said = " ".join(migration.play("plan", good=False).split())
    assert "does not accept the password of postgres" in said, said[-3000:]
    assert host.check_output(f"{inside} 'echo $POSTGRES_PASSWORD'") not in said
