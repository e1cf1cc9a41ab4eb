# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
import socket
import threading

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.redis import access
from ansible_collections.cryptobot.native.plugins.module_utils.redis import layout as redis_layout
from ansible_collections.cryptobot.native.plugins.module_utils.redis import settings as redis_settings
from ansible_collections.cryptobot.native.plugins.module_utils.changes import as_diff
from ansible_collections.cryptobot.native.plugins.module_utils.redis.client import Connection, RedisError
from ansible_collections.cryptobot.native.plugins.module_utils.redis.instance import Found, plan

UNIT = "redis-server@cryptobot.service"
AUTH = access.User("auth", ("~auth:*", "+@read"), ("canary",))
TEXT = access.file_text([AUTH])
LIVE = {"maxmemory": "104857600", "port": "6379", "dir": "/var/lib/redis", "save": "3600 1 300 100", "appendonly": "no"}


def seen(users: dict[str, str], text: str = TEXT) -> dict[str, access.Seen]:
    wanted = access.lines(text)
    return {name: access.Seen.of(wanted[name], users[name]) for name in wanted}


USERS = {"auth": "user auth on ~auth:* +@read", "default": "user default off -@all"}
GOOD = Found(True, True, True, TEXT, LIVE, USERS, seen(USERS))


def test_the_access_file_holds_digests_only():
    assert "canary" not in TEXT
    assert f"#{hashlib.sha256(b'canary').hexdigest()}" in TEXT
    assert TEXT.startswith("user default reset off")


def test_a_user_without_a_password_stays_out():
    assert "reset off" in access.User("x", ()).line


def test_two_passwords_are_let_in_while_one_replaces_the_other():
    line = access.User("x", (), ("new", "old")).line
    assert line.count("#") == 2


@pytest.mark.parametrize("name", ["a b", "x\nuser evil on nopass ~* +@all", ""])
def test_a_name_can_not_smuggle_rules(name):
    with pytest.raises(ValueError, match="can't be the name"):
        _ = access.User(name, ()).line


def test_as_wanted_nothing_changes():
    assert not plan(UNIT, {"maxmemory": "100mb", "save": "3600  1 300 100"}, TEXT, GOOD).changed


def test_a_restart_that_words_the_same_rights_in_another_order_is_no_change():
    wanted = access.lines(TEXT)["auth"]
    one = access.Seen.of(wanted, "user auth off ~auth:* -@all +@read +@list -keys +lolwut -client|list")
    assert one == access.Seen.of(wanted, "user auth off ~auth:* -@all +@read +@list +lolwut -client|list -keys")
    for other in ("-@all +@read +@list -keys +lolwut", "+@read +@list -@all -keys +lolwut -client|list"):
        assert one != access.Seen.of(wanted, f"user auth off ~auth:* {other}")


def test_a_new_password_is_set_while_it_runs_and_not_shown():
    text = access.file_text([access.User("auth", AUTH.rules, ("another-canary",))])
    planned = plan(UNIT, {}, text, GOOD)
    assert planned.users == ("auth",) and planned.write_file and not planned.restart
    shown = " ".join(as_diff(planned.changes, UNIT).values())
    assert "password changed" in shown and "#" not in shown and "canary" not in shown


def test_a_user_that_was_changed_on_the_server_is_set_again():
    users = {**USERS, "auth": "user auth on nopass ~* +@all"}
    planned = plan(UNIT, {}, TEXT, Found(True, True, True, TEXT, LIVE, users, seen(USERS)))
    assert planned.users == ("auth",) and not planned.write_file
    assert [change.was for change in planned.changes] == ["changed on the server"]


def test_a_user_that_is_nobody_s_is_removed():
    users = {**USERS, "intruder": "user intruder on nopass ~* +@all"}
    assert plan(UNIT, {}, TEXT, Found(True, True, True, TEXT, LIVE, users, seen(USERS))).users == ("intruder",)


def test_memory_is_set_while_it_runs_and_a_directory_takes_a_restart():
    planned = plan(UNIT, {"maxmemory": "200mb", "dir": "/srv"}, TEXT, GOOD)
    assert planned.settings == {"maxmemory": "200mb"} and planned.restart


def test_a_stopped_instance_is_started():
    planned = plan(UNIT, {}, TEXT, Found())
    assert planned.start and planned.enable and planned.write_file and not planned.users


def test_an_instance_with_other_users_is_restarted():
    assert plan(UNIT, {}, TEXT, Found(running=True, enabled=True, file=TEXT)).restart


@pytest.mark.parametrize(("wanted", "live"), [("100mb", "104857600"), ("1gb", "1073741824"), ('""', ""), ("3600 1", "3600 1")])
def test_sizes_and_quotes_are_no_difference(wanted, live):
    assert redis_settings.differences({"x": wanted}, {"x": live}) == []


def test_a_setting_of_another_version_is_named():
    assert redis_settings.unknown({"no-such": "1", "port": "1"}, LIVE) == ["no-such"]


def catalogue(**hosts: list[str]) -> dict:
    names = ("worker", "viewer")
    return {
        "services": {
            "worker": {"uses": {"cache": {}}, "processes": {"w": {"command": ["celery", "-A", "x"], "health": {}}}},
            "viewer": {"uses": {"cache": {"readonly": True}}, "processes": {"web": {"command": ["uvicorn"], "health": {"path": "/"}}}},
        },
        "datastores": {
            "cache": {"name": "cache", "kind": "redis", "host": "one", "index": 3, "users": {n: {"prefix": f"{n}:"} for n in names}},
        },
        "hosts": {name: {"address": f"10.0.0.{index}", "services": on} for index, (name, on) in enumerate(hosts.items(), 1)},
    }


def test_each_service_has_its_prefix_and_a_reader_does_not_write():
    viewer, worker = redis_layout.users(catalogue(one=["worker", "viewer"]), "one")
    assert viewer["prefixes"] == ["viewer:"] and "-@write" in viewer["rules"] and "+@write" not in viewer["rules"]
    assert {"~worker:*", "&worker:*", "+@write"} <= set(worker["rules"])


def test_celery_may_subscribe_to_its_own_patterns():
    viewer, worker = redis_layout.users(catalogue(one=[]), "one", {"viewer": ["prices.*"]})
    assert "&worker:/3.celery.pidbox" in worker["rules"]
    assert "&viewer:prices.*" in viewer["rules"] and not any("celery" in rule for rule in viewer["rules"])


def test_a_prefix_stands_for_itself():
    assert r"~a\*\[b\]:*" in redis_layout.rules(["a*[b]:"])


def test_another_host_s_services_make_it_listen_there():
    assert redis_layout.listen(catalogue(one=["worker", "viewer"]), "one") == ["127.0.0.1", "-::1"]
    assert redis_layout.listen(catalogue(one=["worker"], two=["viewer"]), "one")[-1] == "10.0.0.1"


def test_nothing_is_evicted_from_a_queue():
    found = redis_layout.settings(4096, 0.15, ["127.0.0.1"], 6379, {"timeout": 9})
    assert (found["maxmemory-policy"], found["maxmemory"], found["timeout"]) == ("noeviction", "614mb", "9")


def answering(answers: bytes) -> int:
    """A server that gives these bytes to its one client; returns its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with listener, listener.accept()[0] as client:
            client.recv(65536)
            client.sendall(answers)

    threading.Thread(target=serve, daemon=True).start()
    return listener.getsockname()[1]


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        (b"+OK\r\n", "OK"),
        (b":7\r\n", 7),
        (b"$-1\r\n", None),
        (b"$3\r\na\r\n\r\n", "a\r\n"),
        (b"*2\r\n$1\r\na\r\n*1\r\n:1\r\n", ["a", [1]]),
    ],
)
def test_answers_are_read(answer, value):
    with Connection(port=answering(answer)) as redis:
        assert redis.call("X") == value


def test_a_refusal_is_an_error_without_what_was_sent():
    with Connection(port=answering(b"-WRONGPASS invalid\r\n")) as redis, pytest.raises(RedisError) as error:
        redis.call("AUTH", "auth", "canary")
    assert str(error.value) == "WRONGPASS invalid"


def test_nobody_there_is_a_sentence(tmp_path):
    with pytest.raises(RedisError, match="does not answer"):
        Connection(str(tmp_path / "redis.sock"))
