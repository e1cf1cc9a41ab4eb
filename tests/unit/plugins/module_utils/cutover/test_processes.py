"""Processes that run on one side alone: seen before a window, stopped and started in it, and back where it was given up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.cryptobot.native.plugins.module_utils.cutover import processes as subject
from ansible_collections.cryptobot.native.plugins.module_utils.cutover.errors import CutoverError
from ansible_collections.cryptobot.native.plugins.module_utils.cutover.intent import Intent, Solo
from ansible_collections.cryptobot.native.plugins.module_utils.docker.engine import DockerError
from ansible_collections.cryptobot.native.plugins.module_utils.units.systemd import State, SystemdError

SOLO = Solo("shop", ("web",), ("web@1.service",), ("web@1.service", "web@2.service"))


class Container:
    """As far as it is asked."""

    def __init__(self, service: str, running: bool, policy: str = "no") -> None:
        self.service, self.running, self.restart_policy = service, running, policy
        self.name = self.id = f"shop_{service}_1"


class Engine:
    """Of two containers; ``broken``: how often a start fails."""

    def __init__(self, running: bool = True, policy: str = "no", broken: int = 0) -> None:
        self.web, self.other = Container("web", running, policy), Container("other", True, "always")
        self.broken, self.did = broken, []

    def containers(self, project: str) -> list[Container]:
        assert project == "shop"
        return [self.web, self.other]

    def stop(self, container: Container) -> None:
        self.did.append(f"stop {container.name}")
        container.running = False

    def start(self, identifier: str) -> None:
        self.did.append(f"start {identifier}")
        self.broken -= 1
        if self.broken >= 0:
            raise DockerError("no such network")
        self.web.running = True


class Traffic:
    """A router that finds all of a side healthy, but for doors that are ``ill``."""

    def __init__(self, ill: Sequence[str] = ()) -> None:
        self.doors = [SimpleNamespace(name="web_web", container="web"), SimpleNamespace(name="other_web", container="other")]
        self.ill, self.did, self.held = list(ill), [], True

    def is_held(self) -> bool:
        return self.held

    def expect_nothing(self, side: str, doors: Sequence[str]) -> None:
        self.did.append(f"nothing known of {side} {' '.join(doors)}")

    def expect_health(self, side: str, doors: Sequence[str]) -> None:
        self.did.append(f"{side} {' '.join(doors)} will be healthy")

    def await_health(self, side: str, doors: Sequence[str], seconds: float) -> list[str]:
        return self.ill

    def lead_to(self, containers: Sequence[Any]) -> None:
        self.did.append("led")


class Systemd:
    """Units by their state; a start does what ``becomes`` says."""

    def __init__(self) -> None:
        self.active = {"web@1.service": "inactive", "web@2.service": "inactive"}
        self.becomes, self.did, self.late = "active", [], False

    def states(self, names: Sequence[str]) -> dict[str, State]:
        return {name: State(active=self.active[name]) for name in names}

    def start(self, names: Sequence[str]) -> None:
        self.did += [f"start {' '.join(names)}"] if names else []
        self.active.update(dict.fromkeys(names, self.becomes))

    def restart_running(self, names: Sequence[str], seconds: float) -> None:
        if self.late:
            raise SystemdError("it took too long")
        self.did += [f"restart {' '.join(names)}"] if names else []

    def stop(self, names: Sequence[str]) -> None:
        self.did += [f"stop {' '.join(names)}"] if names else []
        self.active.update(dict.fromkeys(names, "inactive"))


@pytest.fixture
def systemd(monkeypatch: pytest.MonkeyPatch) -> Systemd:
    made = Systemd()
    monkeypatch.setattr(subject, "Systemd", lambda: made)
    monkeypatch.setattr(subject, "PAUSE_SECONDS", 0.0)
    return made


def made(folder: Path, engine: Engine, target: str = "native", traffic: Traffic | None = None, window: str = "w1") -> Any:
    source = "native" if target == "docker" else "docker"
    intent = Intent(window, source, target, 7, ("first",), (), solo=SOLO)
    return subject.Processes(intent, folder, traffic or Traffic(), engine, patience=0.2)


def test_there_and_its_doors(tmp_path: Path, systemd: Systemd) -> None:
    engine, traffic = Engine(), Traffic()
    found = made(tmp_path, engine, traffic=traffic)
    assert found and found.doors == ["web_web"] and found.obstacles() == []
    found.stop()
    assert engine.did == ["stop shop_web_1"]
    assert found.start() == [] and systemd.did == ["start web@1.service"]
    assert traffic.did == ["nothing known of native web_web"]


def test_where_requests_have_gone_on_what_serves_them_stays_known(tmp_path: Path, systemd: Systemd) -> None:
    """A recovery that finishes a window which had released them starts again what runs already."""
    traffic = Traffic()
    traffic.held = False
    assert made(tmp_path, Engine(), "native", traffic).start() == []
    assert not [each for each in traffic.did if each.startswith("nothing known")]


def test_back_stops_all_slots_and_leads_to_where_containers_are(tmp_path: Path, systemd: Systemd) -> None:
    engine, traffic = Engine(running=False), Traffic()
    systemd.active["web@1.service"] = "active"
    found = made(tmp_path, engine, "docker", traffic)
    assert found.obstacles() == []
    found.stop()
    assert systemd.did == ["stop web@1.service web@2.service"]
    assert found.start() == [] and traffic.did[-1] == "led" and engine.web.running


def test_what_stands_against_it_is_said(tmp_path: Path, systemd: Systemd) -> None:
    systemd.active["web@2.service"] = "activating"
    said = " ".join(made(tmp_path, Engine(running=False, policy="always")).obstacles())
    assert "On the docker side the container of web does not run" in said
    assert "On the native side web@2.service runs already" in said
    assert "docker update --restart=no shop_web_1" in said and "other" not in said


def test_given_up_it_starts_again_only_what_it_has_stopped(tmp_path: Path, systemd: Systemd) -> None:
    engine = Engine()
    assert made(tmp_path, engine).again() == [] and engine.did == []
    made(tmp_path, engine).stop()
    assert made(tmp_path, engine, window="w2").again() == [] and not engine.web.running
    assert made(tmp_path, engine).again() == [] and engine.web.running
    assert engine.did == ["stop shop_web_1", "stop shop_web_1", "start shop_web_1"]


def test_one_that_does_not_start_is_said_and_not_waited_for(tmp_path: Path, systemd: Systemd) -> None:
    systemd.becomes = "inactive"
    (said,) = made(tmp_path, Engine()).start()
    assert said == "web@1.service does not run yet."
    engine = Engine(running=False, broken=2)
    assert made(tmp_path, engine, "docker").start() == [] and len(engine.did) == 3
    said = made(tmp_path, Engine(running=False, broken=10**6), "docker", Traffic(ill=["web_web"])).start()
    assert "no such network" in said[0] and "behind the door web_web" in said[1]


def test_requests_to_a_late_unit_wait_in_its_socket_and_a_container_has_none(tmp_path: Path, systemd: Systemd) -> None:
    native, docker = Traffic(ill=["web_web"]), Traffic(ill=["web_web"])
    assert "behind the door web_web yet" in " ".join(made(tmp_path, Engine(), traffic=native).start())
    assert native.did[-1] == "native web_web will be healthy"
    assert "behind the door web_web yet" in " ".join(made(tmp_path, Engine(), "docker", docker).start())
    assert docker.did[-1] == "led"


def test_one_that_does_not_stop_ends_the_window(tmp_path: Path, systemd: Systemd, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine()
    monkeypatch.setattr(engine, "stop", lambda container: None)
    with pytest.raises(CutoverError, match="shop_web_1 did not stop"):
        made(tmp_path, engine).stop()


def test_those_of_other_groups_are_restarted_where_they_are(tmp_path: Path, systemd: Systemd) -> None:
    solo = Solo("shop", borrowers=("web@1.service", "web@2.service"))
    for source, target in (("docker", "native"), ("native", "docker")):
        intent = Intent("w1", source, target, 7, ("first",), (), solo=solo)
        found = subject.Processes(intent, tmp_path, Traffic(), Engine(), patience=0.2)
        assert found and found.obstacles() == []
        found.stop()
        assert found.again() == [] and systemd.did == []
        assert found.start() == [] and systemd.did == ["restart web@1.service web@2.service"]
        systemd.did.clear()
    systemd.late = True
    assert found.start() == ["it took too long"]
