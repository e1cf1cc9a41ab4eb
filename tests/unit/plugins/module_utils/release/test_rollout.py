"""A rollout step by step, with stand-ins for systemd and the proxy; and what is left of one that is cut off anywhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cryptobot.native.plugins.module_utils.launcher.probe import Seen
from ansible_collections.cryptobot.native.plugins.module_utils.release.errors import ReleaseError
from ansible_collections.cryptobot.native.plugins.module_utils.release.layout import ServiceReleases
from ansible_collections.cryptobot.native.plugins.module_utils.release.rollout import Instance, Move, Places, Rollout, RolloutError
from ansible_collections.cryptobot.native.plugins.module_utils.units.edge import EdgeError
from ansible_collections.cryptobot.native.plugins.module_utils.units.systemd import State, digest

OLD, NEW, WORKER = "auth-web@1", "auth-web@2", "auth-worker@1"
WEB = {"service": "auth", "process": "auth-web", "twin": True, "backends": ("auth_web_read",), "url": "http://127.0.0.1:1/ready"}
INSTANCES = (
    Instance(name=OLD, slot="a", server="a1", **WEB),
    Instance(name=NEW, slot="b", server="b1", **WEB),
    Instance(name=WORKER, service="auth", process="auth-worker", slot="a", twin=False),
    Instance(name="auth-worker@2", service="auth", process="auth-worker", slot="b", twin=False),
)
MOVE = Move("auth", "r1", "r2")


class Killed(BaseException):
    """The run is gone, without a word."""


class Host:
    """What a host is: which units run on which release, where the proxy sends, what is on disk."""

    def __init__(self, root: Path) -> None:
        self.places = Places(root / "opt", root / "units", root / "run", root / "loaded")
        for directory in (self.places.root, self.places.units, self.places.loaded):
            directory.mkdir()
        self.releases = ServiceReleases("auth", self.places.root)
        for release in ("r1", "r2"):
            self.releases.begin(release)
            self.releases.finish(release, {"id": release})
        self.releases.switch("r1")
        self.releases.prove()
        for one in INSTANCES:
            line = f"ExecStart={self.places.root}/auth/current/bin/run\n"
            (self.places.units / one.name).write_text(f"[Service]\n{line}")
        self.runs: dict[str, str] = {OLD: "r1", WORKER: "r1"}
        self.enabled = {OLD, WORKER}
        self.servers = {"a1": "ready", "b1": "ready"}
        self.slots: dict[str, str] = {}
        self.ill: set[tuple[str, str]] = set()
        self.falls_ill = False
        self.left: int | None = None
        self.sent_to_twin: list[str] = []

    def _effect(self) -> None:
        if self.left is not None:
            if self.left == 0:
                raise Killed
            self.left -= 1

    def _release(self, name: str) -> str:
        path = self.places.dropins / f"{name}.d/50-cryptobot-release.conf"
        text = path.read_text() if path.exists() else ""
        return "r2" if "releases/r2" in text else "r1" if "releases/r1" in text else str(self.releases.link("current"))

    def states(self, names) -> dict[str, State]:
        return {name: State(active=self._active(name)) for name in names}

    def _active(self, name: str) -> str:
        if name not in self.runs:
            return "inactive"
        return "failed" if (name, self.runs[name]) in self.ill else "active"

    def daemon_reload(self) -> None:
        self._effect()

    def reset_failed(self, names) -> None:
        pass

    def enable(self, names) -> None:
        self._effect()
        self.enabled |= set(names)

    def disable(self, names) -> None:
        self._effect()
        self.enabled -= set(names)

    def start(self, names) -> None:
        self._effect()
        for name in names:
            self.runs[name] = self._release(name)
            live = f"{self.releases.home}/current/release.json"
            (self.places.loaded / name).write_text(f"{digest(live)}  {live}\n")

    restart = start

    def stop(self, names) -> None:
        self._effect()
        for name in names:
            self.runs.pop(name, None)

    def wait(self, deadlines) -> dict[str, State]:
        return self.states(list(deadlines))

    def journal(self, name: str) -> list[str]:
        return ["token=x", "it broke"]

    def wait_up(self, backends, server) -> None:
        if (OLD if server == "a1" else NEW) not in self.runs:
            raise EdgeError(f"{server} is not up")

    def set_state(self, backends, server, state) -> None:
        self._effect()
        self.servers[server] = state

    def wait_idle(self, backends, server, limit) -> int:
        return 0

    def ask(self, url: str, expect: Any) -> Seen:
        return Seen(not (self.falls_ill and self.runs.get(NEW) == "r2"), "503")

    def read_slots(self) -> dict[str, str]:
        return dict(self.slots)

    def write_slots(self, slots: dict[str, str]) -> None:
        self._effect()
        self.slots = dict(slots)

    def rollout(self) -> Rollout:
        return Rollout(INSTANCES, self, self, self.ask, self.read_slots, self.write_slots, 1, self.places, sleep=lambda seconds: None)

    def is_as_before(self) -> None:
        assert self.releases.link("current") == "r1"
        assert self.runs == {OLD: "r1", WORKER: "r1"} and self.enabled == {OLD, WORKER}
        assert self.slots.get("auth-web", "a") == "a"
        self._has_no_trace()

    def is_released(self) -> None:
        assert self.releases.link("current") == "r2" and self.releases.link("next") is None
        assert self.runs == {NEW: "r2", WORKER: "r2"} and self.enabled == {NEW, WORKER}
        assert self.slots == {"auth-web": "b"}
        live = f"{self.releases.home}/current/release.json"
        assert (self.places.loaded / NEW).read_text() == f"{digest(live)}  {live}\n", "a later play would take it as stale"
        assert next(each for each in self.releases.installed() if each.id == "r2").proven
        self._has_no_trace()

    def _has_no_trace(self) -> None:
        assert not list(self.places.dropins.rglob("*.conf")) and not (self.places.root / ".rollout.json").exists()
        assert self.servers == {"a1": "ready", "b1": "ready"}


@pytest.fixture
def host(tmp_path: Path) -> Host:
    made = Host(tmp_path)
    made.releases.prepare("r2")
    return made


def test_a_good_one(host: Host) -> None:
    host.rollout().run([MOVE])
    host.is_released()


def test_the_plan_is_in_the_order_of_its_steps(host: Host) -> None:
    assert host.rollout().plan([MOVE]) == [
        f"start {NEW} on release r2 beside {OLD}",
        "lead auth from release r1 to r2",
        f"restart {WORKER}",
        f"lead the route from {OLD} to {NEW}",
        f"stop {OLD}",
    ]
    host.is_as_before()


def test_a_twin_that_is_not_healthy_never_serves(host: Host) -> None:
    host.ill = {(NEW, "r2")}
    with pytest.raises(RolloutError) as caught:
        host.rollout().run([MOVE])
    assert caught.value.served is False
    said = str(caught.value)
    assert "release r2 is not healthy" in said and f"journalctl -u {NEW}" in said and "it broke" in said and "token=***" in said
    host.is_as_before()


def test_a_process_without_a_twin_that_is_not_healthy_restarts_on_the_old_one(host: Host) -> None:
    host.ill = {(WORKER, "r2")}
    with pytest.raises(RolloutError) as caught:
        host.rollout().run([MOVE])
    assert caught.value.served is True
    host.is_as_before()


def test_one_that_falls_ill_when_it_serves_is_left(host: Host) -> None:
    host.falls_ill = True
    with pytest.raises(RolloutError, match="it was healthy and is not any more: 503") as caught:
        host.rollout().run([MOVE])
    assert caught.value.served is True
    host.is_as_before()


def test_the_old_one_may_be_down_when_the_new_one_is_not_healthy_either(host: Host) -> None:
    host.runs.pop(OLD)
    host.ill = {(NEW, "r2")}
    with pytest.raises(RolloutError, match="not healthy"):
        host.rollout().run([MOVE])
    assert NEW not in host.runs and not host.rollout().pending()


def test_the_way_back_forgets_what_it_leaves(host: Host) -> None:
    host.rollout().run([MOVE])
    host.rollout().run([Move("auth", "r2", "r1")], forget=True)
    assert host.releases.link("current") == "r1" and host.runs == {OLD: "r1", WORKER: "r1"}
    assert [each.id for each in host.releases.installed() if each.proven] == ["r1"]


def test_static_files_are_looked_at_before_they_are_live(host: Host) -> None:
    page = Instance(name="page", service="auth", process="auth-page", slot="a", twin=False, static=True)
    rollout = host.rollout()
    rollout.instances = [page]
    with pytest.raises(ReleaseError, match="has no dist/index.html"):
        rollout.run([MOVE])
    host.is_as_before()
    (host.releases.path("r2") / "dist").mkdir()
    (host.releases.path("r2") / "dist/index.html").write_text("x")
    host.runs["page"] = "r1"
    rollout.run([MOVE])
    assert host.releases.link("current") == "r2" and host.runs["page"] == "r1", "its server follows the link"


@pytest.mark.parametrize("effects", range(30))
def test_one_that_was_killed_anywhere_is_taken_back_or_ended(host: Host, effects: int) -> None:
    host.left = effects
    try:
        host.rollout().run([MOVE])
    except Killed:
        decided = json.loads((host.places.root / ".rollout.json").read_text())["settling"]
        host.left = None
        host.rollout().recover()
        host.is_released() if decided else host.is_as_before()
    else:
        assert effects > 12, "the list of effects is longer than that"
        host.is_released()


@pytest.mark.parametrize("effects", range(30))
def test_a_boot_after_a_kill_starts_one_release(host: Host, effects: int) -> None:
    """Drop-ins are gone, the proxy knows nothing, and what is enabled starts on what is live."""
    host.left = effects
    try:
        host.rollout().run([MOVE])
    except Killed:
        host.left = None
        for path in host.places.dropins.rglob("*.conf"):
            path.unlink()
        host.servers = {"a1": "ready", "b1": "ready"}
        host.runs = {name: str(host.releases.link("current")) for name in host.enabled}
        assert OLD in host.runs or NEW in host.runs
        assert len(set(host.runs.values())) == 1
