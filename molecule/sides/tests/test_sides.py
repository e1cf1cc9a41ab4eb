"""Docker serves, nobody serves, native serves: a play and a boot in each of these start nothing that they must not."""

from __future__ import annotations

import json
import time

WEB, OTHERS = 7, ("postgres", "redis")
PROJECT = "label=com.docker.compose.project=cryptobot"
SERVICE = '{{.Label "com.docker.compose.service"}}'
READY_SECONDS = 240


def containers(host, *options: str) -> dict[str, str]:
    """Id by service, of those that run or, with `--all`, of all."""
    said = host.check_output(f"docker ps {' '.join(options)} --filter {PROJECT} --format '{SERVICE} {{{{.ID}}}}'")
    return dict(line.split() for line in said.splitlines())


def natives(host) -> list[str]:
    """Units of services that run natively, the proxy apart."""
    units = host.check_output(
        "systemctl list-units --plain --no-legend --state=active,activating 'cryptobot-*@*.service'"
    )
    return [line.split()[0] for line in units.splitlines()]


def answers(host, port: int, path: str = "/health/ready") -> bool:
    """Asked on the host: a container that is started again may have another address than the inventory says."""
    asks = f"import urllib.request; urllib.request.urlopen('http://127.0.0.1:{port}{path}', timeout=5)"
    return host.run(f'python3 -c "{asks}"').rc == 0


def eventually(host, port: int, path: str = "/health/ready") -> bool:
    until = time.monotonic() + READY_SECONDS
    while not answers(host, port, path):
        if time.monotonic() > until:
            return False
        time.sleep(1)
    return True


def recorded(host) -> dict:
    return json.loads(host.check_output("cat /var/lib/cryptobot-migration/sides.json"))


def databases(host) -> set[str]:
    return set(
        host.check_output(
            "runuser -u postgres -- psql -Atc 'SELECT datname FROM pg_database WHERE NOT datistemplate'"
        ).split()
    )


# Docker serves


def test_beside_docker_nothing_runs_but_what_carries(host) -> None:
    assert natives(host) == []
    assert len(containers(host)) == WEB + 1 + len(OTHERS)
    for unit in (
        "cryptobot-edge",
        "redis-server@cryptobot",
        "postgresql@15-main" if host.system_info.release < "13" else "postgresql@17-main",
    ):
        assert host.check_output(f"systemctl is-active {unit}") == "active"
    assert answers(host, 8000) and answers(host, 38000), "the door beside it leads to the same container"
    assert answers(host, 80, "/edge/health")


def test_nothing_is_made_inside_what_docker_writes(host) -> None:
    assert databases(host) == {"postgres"}
    assert host.check_output("find /var/lib/cryptobot-datastores -type f") == ""
    assert host.check_output("ls /var/lib/cryptobot/migrations 2> /dev/null | wc -l") == "0"
    users = host.check_output("cut -d' ' -f2,4 /etc/redis/cryptobot.acl").splitlines()
    assert {line for line in users if line.endswith(" on")} == {"cryptobot-admin on"}
    assert not host.file(
        "/var/lib/cryptobot-migration/sides.json"
    ).exists, "nothing was recorded by a play that changes no side"


def test_status_says_so(play) -> None:
    said = play("playbooks/status.yml")
    assert said.count("on the Docker side") == WEB + 1
    assert '"redis critical docker"' in " ".join(said.split())


def test_a_start_by_hand_is_passed_over(host) -> None:
    host.check_output("systemctl start cryptobot-auth-web@1.service")
    assert natives(host) == []
    assert "migration group supporting is on the Docker side" in host.check_output(
        "journalctl --unit=cryptobot-auth-web@1 --output=cat --lines=20"
    )
    assert host.check_output("systemctl is-system-running") == "running"


def test_a_boot_starts_the_containers_and_no_unit(host, reboot) -> None:
    reboot()
    assert eventually(host, 8000) and eventually(host, 8020, "/health/live")
    assert natives(host) == []
    assert len(containers(host)) == WEB + 1 + len(OTHERS)
    assert eventually(host, 80, "/edge/health"), "the proxy starts beside the published ports"


# Nobody serves: the freeze of a migration


def test_in_the_freeze_a_play_and_a_boot_start_nothing(host, play, reboot) -> None:
    stopped = [name for service, name in containers(host).items() if service not in OTHERS]
    host.check_output(f"docker update --restart=no {' '.join(stopped)} && docker stop --time=10 {' '.join(stopped)}")
    play("molecule/sides/record.yml", "-e", "side=none")
    assert len(play.changed) == 1
    assert set(recorded(host)["groups"].values()) == {"none"}
    assert {entry["writer"] for entry in recorded(host)["datastores"].values()} == {"none"}
    was = host.check_output("sha256sum /var/lib/cryptobot-migration/sides.json")

    play("site.yml")
    assert play.changed == []
    assert natives(host) == [] and set(containers(host)) == set(OTHERS) and databases(host) == {"postgres"}
    reboot()
    assert natives(host) == [] and set(containers(host)) == set(OTHERS)
    assert not answers(host, 8000) and not answers(host, 38000)
    assert host.check_output("sha256sum /var/lib/cryptobot-migration/sides.json") == was
    assert "stopped for a migration" in play("playbooks/status.yml")


def test_who_forgets_the_project_is_stopped(host, play) -> None:
    said = play("site.yml", compose=False, succeeds=False)
    assert "the inventory has no cryptobot_compose" in " ".join(said.split())
    assert natives(host) == []
    play("site.yml")
    assert natives(host) == [], "the play with the project brings everything back as it was"


def test_a_writer_does_not_jump(play) -> None:
    play("molecule/sides/record.yml", "-e", "side=docker")
    assert len(play.changed) == 1
    assert "cannot become native at once" in " ".join(
        play("molecule/sides/record.yml", "-e", "side=native", succeeds=False).split()
    )
    play("molecule/sides/record.yml", "-e", "side=none")


# Native serves


def test_the_native_side_starts_when_it_may(host, play) -> None:
    play("molecule/sides/record.yml", "-e", "side=native")
    said = play("site.yml")
    assert said.count("healthy") >= WEB
    assert len(natives(host)) == WEB + 1
    assert {"auth", "strategy", "trade", "trading"} <= databases(host)
    assert answers(host, 38000) and not answers(host, 8000), "published ports stay Docker's"
    assert set(containers(host)) == set(OTHERS)
    play("site.yml")
    assert play.changed == []


def test_a_boot_brings_it_back_and_no_container(host, reboot) -> None:
    reboot()
    assert eventually(host, 38000) and eventually(host, 38020, "/health/live") and eventually(host, 38012)
    assert len(natives(host)) == WEB + 1
    assert set(containers(host)) == set(OTHERS)
    assert set(containers(host, "--all")) > set(OTHERS), "the stopped ones are still there, for the way back"


def test_units_that_run_away_from_their_side_are_stopped_when_asked_for(host, play) -> None:
    """What a rollback does first."""
    play("molecule/sides/record.yml", "-e", "side=none")
    play("site.yml")
    assert len(natives(host)) == WEB + 1, "a play leaves running what is not its side's"
    play("site.yml", "-e", "units_stop_away=true")
    assert natives(host) == []
    play("site.yml")
    assert natives(host) == []
