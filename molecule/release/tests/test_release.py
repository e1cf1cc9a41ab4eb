"""Releases while the service is used: nobody's request fails, whatever becomes of the release. The tests build on each other."""

from __future__ import annotations

import json
import re
import subprocess
import time
import urllib.request

from shelf import DOOR, FIRST, PAGE, PROGRAM, SECOND, Script, Shelf

HOME = "/opt/cryptobot/keeper"
TWIN = "/run/systemd/system/cryptobot-keeper-web@*.service.d"
FINE = Script("0003", ("CREATE TABLE shelf_of (id bigserial PRIMARY KEY)",), ("DROP TABLE shelf_of",), "Shelves")
HALF = Script("0004", ("CREATE TABLE half_of (id bigserial PRIMARY KEY)", "SELECT 1/0"), ("DROP TABLE half_of",), "Fails")
FINAL = Script("0003", ("ALTER TABLE row_of DROP note",), (), "Drops a column")


def version(host, port: int = DOOR) -> str:
    address = host.ansible.get_variables()["cryptobot_address"]
    with urllib.request.urlopen(f"http://{address}:{port}/version", timeout=10) as answer:
        return json.load(answer)["version"]


def live(host) -> str:
    return host.check_output(f"basename $(readlink {HOME}/current)")


def schema(host) -> str:
    dumped = host.check_output("runuser -u postgres -- pg_dump -s store")
    return "\n".join(line for line in dumped.splitlines() if not line.startswith("\\"))


def revision(host) -> str:
    return host.check_output("runuser -u postgres -- psql -XAtq -d store -c 'SELECT version_num FROM alembic_version'")


def state(host) -> dict[str, str]:
    """What must be the same where nothing was changed."""
    active = "systemctl list-units --plain --no-legend --state=active 'cryptobot-*@*.service' | cut -d' ' -f1"
    shown = {
        "live": live(host),
        "next": host.run(f"readlink {HOME}/next").stdout,
        "slots": host.run("cat /var/lib/cryptobot/slots.json").stdout,
        "units": host.check_output(active),
        "enabled": host.check_output("ls /etc/systemd/system/cryptobot.target.wants"),
        "schema": schema(host),
        "revision": revision(host),
    }
    assert not host.run(f"ls {TWIN}").stdout, "a drop-in was left"
    assert not host.file("/opt/cryptobot/.rollout.json").exists
    return shown


def nothing_failed(report) -> None:
    assert report["requests"] >= 500
    assert report["failed"] == 0, report["results"]


def test_it_is_installed(host, shelf: Shelf) -> None:
    shelf.write("1")
    shelf.play("site.yml")
    assert version(host) == "1" and revision(host) == "0001"
    assert "changed=0" in shelf.play("site.yml")


def test_check_mode_shows_everything_and_changes_nothing(host, shelf: Shelf) -> None:
    shelf.write("2", (FIRST, SECOND))
    before, releases = state(host), host.check_output(f"ls {HOME}/releases")
    said = shelf.release("--check", "--diff")
    assert "keeper: 0002 Notes; releases from 0001 on work with it" in said
    assert "start cryptobot-keeper-web@2.service on release" in said and "beside cryptobot-keeper-web@1.service" in said
    assert state(host) == before and host.check_output(f"ls {HOME}/releases") == releases


def test_a_good_release_fails_no_request(host, shelf: Shelf, under_load) -> None:
    shelf.write("2", (FIRST, SECOND))
    nothing_failed(under_load(DOOR, lambda: print(shelf.release()[-1500:]), seconds=60, rate=40))
    assert version(host) == "2" and revision(host) == "0002"
    assert json.loads(host.check_output("cat /var/lib/cryptobot/slots.json"))["keeper-web"] == "b"
    note = json.loads(host.check_output(f"cat {HOME}/current/release.json"))
    assert note["schema"] == {"heads": ["0002"], "serves": ["0001", "0002"]}


def test_a_second_run_changes_nothing(host, shelf: Shelf) -> None:
    shelf.write("2", (FIRST, SECOND))
    before = state(host)
    assert re.search(r"changed=0\b", shelf.release())
    assert "changed=0" in shelf.play("site.yml")
    assert state(host) == before


def test_the_way_back_takes_seconds_and_fails_no_request(host, shelf: Shelf, under_load) -> None:
    shelf.write("2", (FIRST, SECOND))
    said = []
    nothing_failed(under_load(DOOR, lambda: said.append(shelf.go_back()), seconds=40, rate=40))
    print(re.findall(r"seconds.*", said[0]))
    assert version(host) == "1" and revision(host) == "0002"
    assert "none to go back to" in shelf.go_back(fails=True)
    assert version(host) == "1"


def test_the_site_obeys_the_way_back(host, shelf: Shelf) -> None:
    shelf.write("1")
    assert "changed=0" in shelf.play("site.yml")
    shelf.write("2", (FIRST, SECOND))
    shelf.release()
    assert version(host) == "2"


def test_a_migration_that_fails_halfway_is_undone(host, shelf: Shelf, under_load) -> None:
    before, said = state(host), []
    shelf.write("3", (FIRST, SECOND, FINE, HALF))
    nothing_failed(under_load(DOOR, lambda: said.append(shelf.release(fails=True)), seconds=60, rate=40))
    assert "It was undone: the schema is what it was, at 0002" in said[0] and "division by zero" in said[0]
    assert state(host) == before and version(host) == "2"


def test_a_release_that_never_becomes_healthy_is_not_seen(host, shelf: Shelf, under_load) -> None:
    before, said = state(host), []
    shelf.write("4", (FIRST, SECOND, FINE), healthy=False)
    nothing_failed(under_load(DOOR, lambda: said.append(shelf.release(fails=True)), seconds=100, rate=40))
    assert "is not healthy" in said[0] and "journalctl -u cryptobot-keeper-web@1.service" in said[0]
    assert state(host) == before and version(host) == "2"


def test_a_release_that_falls_ill_when_it_serves_is_left(host, shelf: Shelf, under_load) -> None:
    before, said = state(host), []
    shelf.write("5", (FIRST, SECOND), well_for=6)
    nothing_failed(under_load(DOOR, lambda: said.append(shelf.release("-e", "release_watch_seconds=12", fails=True)), seconds=70, rate=40))
    assert "it was healthy and is not any more: 503" in said[0]
    assert state(host) == before and version(host) == "2"


def test_what_cannot_be_undone_is_refused_beforehand(host, shelf: Shelf) -> None:
    before = state(host)
    shelf.write("6", (FIRST, SECOND, FINAL))
    said = shelf.release(fails=True)
    assert "the revision 0003 cannot be undone" in said and "release_irreversible=true" in said
    assert state(host) == before


def test_a_lock_that_does_not_match_is_refused(host, shelf: Shelf) -> None:
    before = state(host)
    shelf.write("7", (FIRST, SECOND))
    shelf.lock.write_text(re.sub(r"sha256:[0-9a-f]{64}", f"sha256:{'0' * 64}", shelf.lock.read_text()))
    assert "not what the lock names" in shelf.release(fails=True)
    assert state(host) == before and version(host) == "2"


def test_a_program_whose_checksum_is_wrong_is_refused(host, shelf: Shelf) -> None:
    shelf.write("2", (FIRST, SECOND), program="2")
    before = state(host)
    wrong = shelf.variables()["cryptobot_services__shelf"]
    wrong["teller"]["build"]["checksum"] = f"sha256:{'0' * 64}"
    assert "Nothing was installed" in shelf.release(service="teller", fails=True, cryptobot_services__shelf=wrong)
    assert state(host) == before and version(host, PROGRAM) == "1"


def test_a_program_with_its_own_port_is_released_and_led_back(host, shelf: Shelf, under_load) -> None:
    shelf.write("2", (FIRST, SECOND), program="2")

    def there_and_back() -> None:
        shelf.release(service="teller")
        assert version(host, PROGRAM) == "2"
        shelf.go_back(service="teller")

    nothing_failed(under_load(PROGRAM, there_and_back, seconds=80, rate=40, write=""))
    assert version(host, PROGRAM) == "1"


def test_a_page_is_released_and_one_without_its_file_is_refused(host, shelf: Shelf, under_load) -> None:
    shelf.write("2", (FIRST, SECOND), page="3")
    nothing_failed(under_load(PAGE, lambda: shelf.release(service="page"), seconds=45, rate=40, read="/", write=""))
    content = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:7700/').read().decode())"
    assert host.check_output(f'python3 -c "{content}"') == "version 3"
    shelf.write("2", (FIRST, SECOND), page="4", file="other.html")
    assert "has no dist/index.html" in shelf.release(service="page", fails=True)
    assert host.check_output(f'python3 -c "{content}"') == "version 3"


def test_two_runs_do_not_migrate_at_once(host, shelf: Shelf) -> None:
    before = state(host)
    shelf.write("3", (FIRST, SECOND, FINE))
    hold = "SELECT pg_advisory_lock(4276215909), pg_sleep(300)"
    host.check_output(f"runuser -u postgres -- psql -d store -c '{hold}' > /dev/null 2>&1 &")
    assert "another run migrates this database now" in shelf.release(fails=True)
    end = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = $$advisory$$"
    host.check_output(f"runuser -u postgres -- psql -d store -c '{end}'")
    assert state(host) == before


def test_a_killed_release_is_taken_back_by_the_next_one(host, shelf: Shelf) -> None:
    shelf.write("8", (FIRST, SECOND), healthy=False)
    command, environment = shelf.command("playbooks/release.yml", "-e", "release_service=keeper")
    killed = subprocess.Popen(command, cwd=shelf.folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 180
    while not host.run(f"ls {TWIN}").stdout and time.monotonic() < until:
        time.sleep(0.5)
    killed.kill()
    killed.wait()
    host.run("pkill --signal KILL --full '[A]nsiballZ_release_rollout'")
    assert host.file("/opt/cryptobot/.rollout.json").exists
    assert version(host) == "2"
    shelf.write("9", (FIRST, SECOND))
    shelf.release()
    assert version(host) == "9"
    state(host)


def test_a_way_back_into_an_older_schema_is_refused(host, shelf: Shelf) -> None:
    shelf.write("10", (FIRST, SECOND, FINE))
    shelf.release("-e", "release_keep=1")
    assert version(host) == "10" and revision(host) == "0003"
    kept = host.check_output(f"ls {HOME}/releases").split()
    assert len(kept) == 2 and live(host) in kept, "the live and the last good one stay"
    before = state(host)
    said = shelf.go_back(fails=True)
    assert "at the revision 0003" in said and "was made for 0002" in said
    assert state(host) == before and version(host) == "10"
