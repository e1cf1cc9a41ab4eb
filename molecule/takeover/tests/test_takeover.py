"""Somebody else's PostgreSQL and Redis, in use: the platform comes, works beside them and goes; they keep their own."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import re
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from application import Application
from deploy import play
from snapshots import Snapshot, differences, snapshot

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
sys.path.insert(0, str(ROOT / "tests" / "hosts"))

from machine import install  # noqa: E402

SEED = 11
CLIENTS = ("password", "peer", "redis")
SERVER = "postgresql@15-main.service"
ETC = "/etc/postgresql/15/main"
SETTINGS = f"{ETC}/conf.d/cryptobot.conf"
DATA = "/var/lib/postgresql/15/main"
# systemd's own message ids (systemd.journal-fields, sd-messages.h): a unit is stopped, a unit has started.
STOPPING, STARTED = "de5b426a63be47a7b6ac3eaac82e2f6f", "39f53479d3a045ac8e11786248231fbf"
# What the platform sets in a cluster of somebody else's: what it cannot do without, where nobody has chosen a value.
NEEDED = {"wal_level", "max_replication_slots", "max_worker_processes", "max_logical_replication_workers"}
# When the tests themselves had taken the shop's data away.
AWAY: list[tuple[float, float]] = []
# What the shop's own work, and time, changes on the host.
WORK = re.compile(r"/srv/shop(/.*)?|/var/lib/(postgresql|redis)(/.*)?")


class Platform:
    """An application with a pooled database and a Redis, whose instance has the port that somebody else's has."""

    def __init__(self, folder: Path, url: str) -> None:
        self.made, self.folder = Application(SEED, folder, Path("/bin/busybox"), url), folder
        self.made.write(ROOT)
        self.variables = self.made.variables()
        services = self.variables["cryptobot_services__own"]
        services[self.made.front]["uses"][self.made.store] = {"pool": "session"}
        secrets = self.variables["cryptobot_secrets"][self.made.front]
        secrets["postgresql_password"] = secrets["redis_password"][::-1]

    def play(self, playbook: str = "site.yml", *words: str, **given: Any) -> str:
        return play(self.variables | given, self.folder, playbook, *words)

    def stops(self, playbook: str = "site.yml", *words: str) -> str:
        """What it said when it stopped, as one line."""
        with pytest.raises(AssertionError) as stopped:
            self.play(playbook, *words)
        return " ".join(str(stopped.value).split())

    def moved(self) -> None:
        """As the remedy says: the platform's own instance at another port."""
        self.variables["cryptobot_datastores__port"] = {self.made.counter: {"port": 6380}}


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    # What is compared is what a user reads, in the collection's own words and without colours.
    for name in ("ANSIBLE_STDOUT_CALLBACK", "ANSIBLE_FORCE_COLOR", "PY_COLORS", "CLICOLOR_FORCE"):
        os.environ.pop(name, None)
    os.environ["ANSIBLE_NOCOLOR"] = "1"
    install(["busybox-static"])
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory="/bin"))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Platform(tmp_path_factory.mktemp("own"), f"http://127.0.0.1:{server.server_port}/busybox")
    server.shutdown()


@pytest.fixture(scope="module")
def shop(host: Any) -> Snapshot:
    """What was the shop's before the platform came."""
    container = host.ansible.get_variables()["container"]
    script = (HERE / "prepare_shop.sh").read_bytes()
    done = subprocess.run(["docker", "exec", "-i", container, "bash"], input=script, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return of_shop(host)


@pytest.fixture(scope="module")
def before(host: Any, shop: Snapshot) -> Snapshot:
    """The host with the shop, before the platform came."""
    return snapshot(host)


@pytest.fixture(scope="module")
def installed(host: Any, platform: Platform, before: Snapshot) -> str:
    """What was said when the platform came."""
    platform.moved()
    return platform.play()


def of_shop(host: Any) -> Snapshot:
    return snapshot(host, HERE / "shop_snapshot.py")


def changed(before: Snapshot, after: Snapshot) -> dict[tuple[str, str], str]:
    """What is not as it was, without what is new and what the shop's own work changes."""
    found = differences(before, after)
    return {key: said for key, said in found.items() if key[1] in before[key[0]] and not WORK.fullmatch(key[1])}


def untouched(host: Any, before: Snapshot) -> dict[tuple[str, str], str]:
    """What has become different on the host; nothing, after a play that was to change nothing."""
    return {key: said for key, said in differences(before, snapshot(host)).items() if not WORK.fullmatch(key[1])}


def calls(host: Any, client: str) -> list[tuple[float, str]]:
    """When each call of a client began, and how it ended."""
    lines = host.file(f"/srv/shop/{client}.log").content_string.splitlines()
    return [(float(line.split()[0]), line.partition(" ")[2]) for line in lines]


def restarts(host: Any) -> list[tuple[float, float]]:
    """When the server was told to stop, and when it served again, each time that it was."""
    said = host.check_output(f"journalctl --no-pager --output=json --output-fields=MESSAGE_ID UNIT={SERVER}")
    found: list[tuple[float, float]] = []
    stopping = 0.0
    for line in map(json.loads, said.splitlines()):
        at = int(line["__REALTIME_TIMESTAMP"]) / 1e6
        if line.get("MESSAGE_ID") == STOPPING:
            stopping = at
        if line.get("MESSAGE_ID") == STARTED and stopping:
            found.append((stopping, at))
            stopping = 0.0
    return found


def now(host: Any) -> float:
    return float(host.check_output("date +%s.%N"))


def failed(host: Any, client: str) -> list[tuple[float, str]]:
    return [(at, said) for at, said in calls(host, client) if said != "ok"]


def outside(host: Any, client: str, longest: float = 10.0) -> list[tuple[float, str]]:
    """Calls that failed although they began neither in a restart nor just before it."""
    spans = [*restarts(host), *AWAY]
    return [
        (at, said)
        for at, said in failed(host, client)
        if not any(stop - longest <= at <= start for stop, start in spans)
    ]


def test_a_held_port_is_found_before_anything_is_changed(host, platform: Platform, before: Snapshot) -> None:
    host.check_output("systemd-run --quiet --unit=other-6432 python3 -m http.server 6432")
    host.check_output("systemd-run --quiet --unit=other-door python3 -m http.server 7100")
    before = snapshot(host)
    for said in (platform.stops("playbooks/preflight.yml"), platform.stops()):
        assert "Port 6432, at which PgBouncer listens, is held by python3" in said and "other-6432.service" in said
        assert "Port 7100, at which the public door of" in said and "other-door.service" in said
        assert "Port 6379, at which Redis listens, is held by redis-server" in said
        assert f"cryptobot_datastores__port: {{{platform.made.counter}: {{port: 6380}}}}" in said
    assert untouched(host, before) == {}
    host.check_output("systemctl stop other-6432 other-door")


def test_preflight_says_what_becomes_of_the_servers_that_are_there(
    host, platform: Platform, before: Snapshot, shop: Snapshot
) -> None:
    platform.moved()
    said = " ".join(platform.play("playbooks/preflight.yml").split())
    assert "PostgreSQL 15 is there. Its cluster main is taken over" in said
    assert "restarts once, for" in said and "wal_level replica -> logical" in said
    assert "max_wal_senders is 7, which somebody has chosen: it stays" in said
    assert "redis-server.service runs with a configuration of its own. It is left alone" in said
    assert untouched(host, before) == {}
    assert changed(shop, of_shop(host)) == {}


def test_check_mode_shows_it_and_changes_nothing(host, platform: Platform, before: Snapshot, shop: Snapshot) -> None:
    platform.moved()
    said = platform.play("site.yml", "--check", "--diff")
    assert f"-unit {SERVER}: running" in said and f"+unit {SERVER}: restarted" in said
    assert "+wal_level = 'logical'" in said and "shared_buffers" not in said
    assert "restarts once, for" in " ".join(said.split())
    assert untouched(host, before) == {}
    assert changed(shop, of_shop(host)) == {}


def test_everything_of_the_shop_is_as_it_was(host, installed: str, shop: Snapshot) -> None:
    assert "restarts once, for" in " ".join(installed.split())
    different = changed(shop, of_shop(host))
    assert {name for kind, name in different if kind == "settings"} == NEEDED
    assert {key for key in different if key[0] != "settings"} == set()


def test_no_query_failed_but_in_the_restart(host, installed: str) -> None:
    assert len(restarts(host)) == 2, "the shop's own, and the one that was announced"
    for client in CLIENTS:
        assert len(calls(host, client)) > 50
        assert outside(host, client) == []
    assert failed(host, "redis") == []


def test_every_sale_that_was_acknowledged_is_there(host, installed: str) -> None:
    for client in ("password", "peer"):
        done = sum(said == "ok" for __, said in calls(host, client))
        query = f"SELECT count(*) FROM sales WHERE client = '{client}'"
        there = int(host.check_output(f'cd / && runuser -u postgres -- psql -XAtqd shop -c "{query}"'))
        assert done <= there


def test_the_platform_works_beside_it(host, platform: Platform, installed: str) -> None:
    address = host.ansible.get_variables()["cryptobot_address"]
    for port in (7100, 7200):
        request = urllib.request.Request(f"http://{address}:{port}/things", method="POST")
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 201


def test_a_second_run_changes_nothing(host, platform: Platform, installed: str) -> None:
    said = platform.play()
    assert "changed=0" in said and "restarts once" not in said


def test_what_the_owner_sets_later_stays_as_well(host, platform: Platform, installed: str) -> None:
    """The platform has no word in settings that it does not need."""
    host.check_output(
        """cd / && runuser -u postgres -- psql -Xq -c "ALTER SYSTEM SET work_mem = '9MB'" -c 'SELECT pg_reload_conf()'"""
    )
    assert "changed=0" in platform.play()
    assert host.check_output("cd / && runuser -u postgres -- psql -XAtq -c 'SHOW work_mem'") == "9MB"
    host.check_output(
        "cd / && runuser -u postgres -- psql -Xq -c 'ALTER SYSTEM RESET work_mem' -c 'SELECT pg_reload_conf()'"
    )


def test_what_was_edited_by_hand_is_shown_and_kept(host, platform: Platform, installed: str) -> None:
    host.check_output(f"echo '# by hand' >>{SETTINGS}")
    edited = host.file(SETTINGS).content
    unit = "/etc/systemd/system/cryptobot.target"
    host.check_output(f"echo '# by hand as well' >>{unit}")
    shown = platform.play("site.yml", "--check", "--diff")
    assert "-# by hand\n" in shown and "-# by hand as well\n" in shown
    assert host.file(SETTINGS).content == edited
    platform.play()
    assert "by hand" not in host.file(SETTINGS).content_string + host.file(unit).content_string
    kept = host.file(f"/var/lib/cryptobot/was/{hashlib.sha256(edited).hexdigest()}")
    assert kept.content == edited and kept.mode == 0o600
    assert "changed=0" in platform.play()


@pytest.mark.parametrize("instead", ["empty", "foreign"])
def test_another_data_directory_stops_it(host, platform: Platform, installed: str, instead: str) -> None:
    since = now(host)
    host.check_output(
        f"systemctl stop {SERVER} && mv {DATA} {DATA}.away && install -d -o postgres -g postgres -m 0700 {DATA}"
    )
    try:
        if instead == "foreign":
            host.check_output(f"runuser -u postgres -- /usr/lib/postgresql/15/bin/initdb --pgdata {DATA} >/dev/null")
            host.check_output(f"systemctl start {SERVER}")
        before = snapshot(host)
        for said in (platform.stops("playbooks/preflight.yml"), platform.stops()):
            assert "with system identifier" in said and "Mount or restore the old data directory" in said
            assert ("is empty" if instead == "empty" else "has identifier") in said
        assert untouched(host, before) == {}
    finally:
        host.check_output(f"systemctl stop {SERVER}; rm -r {DATA} && mv {DATA}.away {DATA} && systemctl start {SERVER}")
        AWAY.append((since, now(host)))


def test_a_name_that_is_taken_stops_it(host, platform: Platform, installed: str, shop: Snapshot) -> None:
    """A role of the shop's that is named as a service would be made the service's otherwise."""
    shown = platform.variables
    added = copy.deepcopy(shown["cryptobot_services__own"][platform.made.back])
    added["uses"][platform.made.counter]["prefix"] = "shop:"
    added["processes"]["front"] |= {"port": 7400, "listen": 17400, "routes": []}
    secrets = shown["cryptobot_secrets"]
    platform.variables = shown | {
        "cryptobot_services__shop": {"shop": added},
        "cryptobot_secrets": secrets | {"shop": secrets[platform.made.back]},
    }
    try:
        before = snapshot(host)
        for said in (platform.stops("playbooks/preflight.yml"), platform.stops()):
            assert "not made by it: role shop" in said and "postgresql_adopt" in said
        assert untouched(host, before) == {}
    finally:
        platform.variables = shown


def test_the_platform_goes_and_the_shop_stays(
    host, platform: Platform, installed: str, before: Snapshot, shop: Snapshot
) -> None:
    platform.play("playbooks/uninstall.yml", uninstall_confirm=True, uninstall_data="removed")
    assert differences(shop, of_shop(host)) == {}
    left = {key: said for key, said in differences(before, snapshot(host)).items() if not WORK.fullmatch(key[1])}
    assert {
        key for key in left if key not in {("log directories", "apt"), ("units", "network-online.target")}
    } == set(), left
    for client in CLIENTS:
        assert outside(host, client) == []
        assert calls(host, client)[-1][1] == "ok"
    assert failed(host, "redis") == []
