"""A host is put back by its record: compared, by other means than the collection's, with what it was before the platform."""

from __future__ import annotations

import functools
import json
import os
import re
import sys
import threading
import urllib.request
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import snapshots
from application import Application
from deploy import play
from snapshots import snapshot

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "hosts"))

from machine import install  # noqa: E402

SEED = 7
# What may differ from the host before, and why. Everything else is a failure.
NOT_COMPARED = {
    ("log directories", "apt"): "apt's own: it makes it when it is used for the first time, as by anybody",
    (
        "units",
        "network-online.target",
    ): "a point that is passed, not a thing: something of the platform waited for it, and it stays passed",
}
differences = functools.partial(snapshots.differences, not_compared=NOT_COMPARED)
CONFIRMED = {"uninstall_confirm": True}
REMOVED = CONFIRMED | {"uninstall_data": "removed"}
BYSTANDER = "bystander"
"""A package that needs one of those that came with the platform."""


class Platform:
    """The application, with a directory that its services share and a pooled database, and how it is played."""

    def __init__(self, folder: Path, url: str) -> None:
        self.made, self.folder = Application(SEED, folder, Path("/bin/busybox"), url), folder
        self.made.write(ROOT)
        self.variables = self.made.variables()
        services = self.variables["cryptobot_services__own"]
        self.variables["cryptobot_datastores__own"]["files"] = {"kind": "directory", "moves_with": "all-at-once"}
        for name in (self.made.front, self.made.back):
            services[name]["uses"]["files"] = {}
        services[self.made.front]["uses"][self.made.store] = {"pool": "session"}
        secrets = self.variables["cryptobot_secrets"][self.made.front]
        secrets["postgresql_password"] = secrets["redis_password"][::-1]

    def install(self) -> None:
        play(self.variables, self.folder)

    def uninstall(self, given: dict[str, Any], *words: str) -> str:
        return play(self.variables | given, self.folder, "playbooks/uninstall.yml", *words)


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory):
    # What is compared is what a user reads, in the collection's own words and without colours.
    for name in ("ANSIBLE_STDOUT_CALLBACK", "ANSIBLE_FORCE_COLOR", "PY_COLORS", "CLICOLOR_FORCE"):
        os.environ.pop(name, None)
    os.environ["ANSIBLE_NOCOLOR"] = "1"
    install(["busybox-static"])
    handler = functools.partial(SimpleHTTPRequestHandler, directory="/bin")
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Platform(tmp_path_factory.mktemp("own"), f"http://127.0.0.1:{server.server_port}/busybox")
    server.shutdown()


@pytest.fixture(scope="module")
def before(host) -> dict[str, dict[str, str]]:
    """The host as it was before anything."""
    return snapshot(host)


def told(said: str, word: str) -> list[str]:
    """The lines of the closing table that begin with a word."""
    return [line.removeprefix(f"{word}: ").strip() for line in said.splitlines() if line.startswith(f"{word}: ")]


def changed(said: str) -> list[str]:
    """What the diff shows as gone or new, in its order; and the table, without the words by which a prediction differs."""
    lines = [
        line
        for line in said.splitlines()
        if re.match(r"[-+](unit|file|directory|sysctl|user|group|hold|package|postgresql) ", line)
    ]
    return lines + [
        f"{word} {line}"
        for word in ("removed", "put back", "left")
        for line in [*told(said, word), *told(said, f"to be {word}")]
    ]


def ask(host, method: str, port: int, path: str) -> Any:
    address = host.ansible.get_variables()["cryptobot_address"]
    with urllib.request.urlopen(
        urllib.request.Request(f"http://{address}:{port}{path}", method=method), timeout=10
    ) as answer:
        return json.loads(answer.read())


def test_a_bare_host_has_nothing_to_be_undone(host, platform: Platform, before) -> None:
    assert "changed=0" in platform.uninstall(REMOVED)
    assert not differences(before, snapshot(host))


def test_it_is_not_done_without_a_confirmation(platform: Platform) -> None:
    with pytest.raises(AssertionError, match="uninstall_confirm=true"):
        platform.uninstall({})


def test_everything_goes_and_check_mode_has_said_so(host, platform: Platform, before) -> None:
    platform.install()
    installed = snapshot(host)
    predicted = platform.uninstall(REMOVED, "--check", "--diff")
    assert differences(installed, snapshot(host)) == {}, "check mode has changed something"
    done = platform.uninstall(REMOVED, "--diff")
    assert changed(predicted) == changed(done)
    assert told(done, "left") == []
    assert not differences(before, snapshot(host))


def test_a_second_run_changes_nothing(host, platform: Platform, before) -> None:
    assert "changed=0" in platform.uninstall(REMOVED)
    assert not differences(before, snapshot(host))


@pytest.fixture(scope="module")
def kept(host, platform: Platform, before) -> str:
    """What an uninstallation said that keeps the data of a platform that was used, on a host on which others worked as well."""
    platform.install()
    for port in (7100, 7200):
        ask(host, "POST", port, "/things")
    bars = "/var/lib/cryptobot-datastores/files/bars"
    host.check_output(f"echo 1 > {bars} && chown cryptobot-{platform.made.front} {bars}")
    host.check_output("echo '# ours' >> /etc/profile.d/cryptobot.sh")
    host.check_output("for at in /etc/postgresql/*/main/pg_hba.conf; do echo 'local all nobody reject' >> $at; done")
    host.check_output("echo note > /etc/cryptobot/note")
    host.check_output(
        f"mkdir -p /tmp/b/DEBIAN && printf 'Package: {BYSTANDER}\\nVersion: 1\\nArchitecture: all\\nMaintainer: a <a@b>\\n"
        "Depends: netbase\\nDescription: a\\n' > /tmp/b/DEBIAN/control && dpkg-deb --build /tmp/b /tmp/b.deb && dpkg --install /tmp/b.deb"
    )
    predicted = platform.uninstall(CONFIRMED, "--check", "--diff")
    done = platform.uninstall(CONFIRMED, "--diff")
    assert changed(predicted) == changed(done)
    return done


def test_what_is_left_is_named(host, platform: Platform, kept: str) -> None:
    version = 15 if host.system_info.release.startswith("12") else 17
    owner = f"cryptobot-{platform.made.front}"
    data = [f"/var/lib/postgresql/{version}/main", "/var/lib/redis/cryptobot", "/var/lib/cryptobot-datastores/files"]
    named = {" ".join(line.split()[:2]) for line in told(kept, "left")}
    assert named == {
        *(f"directory {path}" for path in [*data, "/etc/cryptobot", "/var/lib/cryptobot"]),
        *(f"{kind} {name}" for kind in ("user", "group") for name in ("postgres", "redis", owner)),
        "group cryptobot-data-files",
        "group ssl-cert",
        "file /etc/profile.d/cryptobot.sh",
        "package netbase",
        *(f"package {name}" for name in (f"postgresql-{version}", "postgresql-common", "redis-server", "redis-tools")),
    }


def test_the_data_and_what_others_wrote_is_there(host, kept: str) -> None:
    assert host.check_output("cat /var/lib/cryptobot-datastores/files/bars") == "1"
    assert host.file("/etc/cryptobot/note").content_string == "note\n"
    assert host.check_output("tail -n 1 /etc/profile.d/cryptobot.sh") == "# ours"
    doors = host.check_output("cat /etc/postgresql/*/main/pg_hba.conf")
    assert "local all nobody reject" in doors and "cryptobot" not in doors


def test_nothing_else_is_left(host, platform: Platform, before, kept: str) -> None:
    owner = f"cryptobot-{platform.made.front}"
    allowed = {
        "data": r"/var/lib/(postgresql|redis|cryptobot-datastores)(/.*)?",
        "the record, and that the schema was migrated": r"/var/lib/cryptobot(/(state\.jsonl|was|migrations)(/.*)?)?",
        "logs, which are data": r"cryptobot|postgresql|redis",
        "changed or written by others": r"/etc/cryptobot(/note)?|/etc/profile\.d/cryptobot\.sh|bystander",
        "needed by others": r"netbase|/etc/(ethertypes|networks|protocols|rpc|services)|/usr/share/doc/netbase(/.*)?",
        "owners of data": rf"({owner}|postgres|redis|ssl-cert|cryptobot-data-files)|/etc/(passwd|shadow|group|gshadow)",
        "configuration of servers with data": (
            r"(postgresql|redis)(-[a-z0-9]+)?|/etc/(postgresql|postgresql-common|redis)(/.*)?"
            r"|/etc/(init\.d|default|logrotate\.d|rc[0-6]\.d)/([KS][0-9]+)?(postgresql|redis)(-[a-z]+)?"
            r"|/etc/apt/apt\.conf\.d/02autoremove-postgresql"
            r"|/etc/systemd/system/multi-user\.target\.wants/(postgresql|redis-server)\.service"
        ),
    }
    found = differences(before, snapshot(host))
    unnamed = [key for key in found if not any(re.fullmatch(pattern, key[1]) for pattern in allowed.values())]
    assert not unnamed, "\n".join(f"{key}: {found[key]}" for key in unnamed)


def test_a_second_run_that_keeps_changes_nothing(platform: Platform, kept: str) -> None:
    again = platform.uninstall(CONFIRMED)
    assert "changed=0" in again
    assert sorted(told(again, "left")) == sorted(told(kept, "left"))


def test_the_data_is_taken_up_by_a_new_installation(host, platform: Platform, kept: str) -> None:
    platform.install()
    assert ask(host, "GET", 7100, "/things") == {platform.made.front: 1, platform.made.back: 1}


def test_one_service_goes_alone(host, platform: Platform, kept: str) -> None:
    gone = platform.made.pages
    platform.uninstall(CONFIRMED | {"uninstall_service": gone})
    assert (
        host.check_output(
            f"ls -d /etc/systemd/system/cryptobot-{gone}* /etc/cryptobot/{gone}* /opt/cryptobot/{gone} 2>/dev/null || true"
        )
        == ""
    )
    assert not host.user(f"cryptobot-{gone}").exists
    assert ask(host, "GET", 7100, "/things") == {platform.made.front: 1, platform.made.back: 1}
    assert "changed=0" in platform.uninstall(CONFIRMED | {"uninstall_service": gone})


def test_a_run_that_stopped_halfway_is_gone_on_with(host, platform: Platform, before, kept: str) -> None:
    """Here an account in use stops it; then nothing is left but what others did."""
    host.check_output("systemd-run --unit=in-use --uid=cryptobot-migrate sleep infinity")
    with pytest.raises(AssertionError, match="cryptobot-migrate is currently used"):
        platform.uninstall(REMOVED)
    assert not host.file("/opt/cryptobot").exists
    host.check_output("systemctl stop in-use")
    said = platform.uninstall(REMOVED)
    named = {" ".join(line.split()[:2]) for line in told(said, "left")}
    # The installation in between has written the changed file anew.
    assert named == {"directory /etc/cryptobot", "directory /var/lib/cryptobot", "package netbase"}
    host.check_output(f"rm /etc/cryptobot/note && dpkg --purge {BYSTANDER}")
    assert told(platform.uninstall(REMOVED), "left") == []
    assert not differences(before, snapshot(host))
