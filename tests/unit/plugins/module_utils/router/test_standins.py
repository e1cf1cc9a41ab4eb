"""Names of stopped containers are kept by stand-ins, whose addresses the router knows first."""

from __future__ import annotations

import json
import subprocess

import pytest

from ansible_collections.cryptobot.native.plugins.module_utils.docker.engine import Engine
from ansible_collections.cryptobot.native.plugins.module_utils.router.adopting import Adopting
from ansible_collections.cryptobot.native.plugins.module_utils.router.maps import RouterError
from ansible_collections.cryptobot.native.plugins.module_utils.router.standins import LABEL, PROJECT_LABEL, names_of
from ansible_collections.cryptobot.native.plugins.module_utils.router.workers import Router

from .conftest import Flows, Proxy, Tables, container


class Docker:
    """An engine that makes stand-ins, of which every image but `bare` has the program."""

    def __init__(self, client, containers, events: list[str]) -> None:
        self.others, self.events, self.made = client(containers), events, {}

    def __call__(self, words, timeout):
        said = ""
        if words[0] == "run" and "bare" in words:
            return subprocess.CompletedProcess(list(words), 127, b"", b"no such program")
        if words[0] == "ps" and any(PROJECT_LABEL in word for word in words):
            said = " ".join(self.made)
        elif words[0] == "container" and set(words[2:]) <= set(self.made):
            said = json.dumps([self.made[name] for name in words[2:]])
        elif words[0] == "create":
            self.events.append("create")
            self.made[words[2]] = raw(words[2], words[-2])
        elif words[0] == "start":
            self.events.append("start")
            self.made[words[1]]["State"]["Running"] = True
            self.made[words[1]]["NetworkSettings"]["Networks"]["shop_default"]["IPAddress"] = "172.20.0.77"
        elif words[0] == "rename":
            self.events.append("rename")
            self.made[words[1]]["Name"] = f"/{words[2]}"
        elif words[0] == "rm":
            self.events.append("remove")
            self.made = {name: one for name, one in self.made.items() if name not in words}
        elif words[0] != "run":
            return self.others(words, timeout)
        return subprocess.CompletedProcess(list(words), 0, said.encode(), b"")


def raw(name: str, image: str) -> dict:
    return {
        "Id": name,
        "Name": f"/{name}",
        "Config": {"Image": image, "Labels": {LABEL: "back", PROJECT_LABEL: "shop"}},
        "State": {"Running": False},
        "HostConfig": {"NetworkMode": "shop_default"},
        "NetworkSettings": {"Networks": {"shop_default": {"IPAddress": ""}}},
    }


@pytest.fixture
def subject(files, events, doors, containers, client):
    """The ports are adopted, and stand-ins can be made."""
    for one in containers:
        one.raw["Config"]["Image"] = "bare" if one.service == "back" else "full"
    docker = Docker(client, containers, events)
    router = Router(files, Proxy(files, events).workers)
    made = Adopting("shop", doors, router, Engine(docker), Tables(events), Flows([]))
    made.docker = docker
    made.put(made.plan(True, False)[1], False)
    events.clear()
    return made


def test_its_address_is_known_before_its_name(subject, events) -> None:
    assert subject.standing(["back"]) == {"back": False}
    assert subject.stand_in(["back"], False) == ["back"]
    acts = [event for event in events if not event.startswith("set server")]
    assert acts == ["create", "start", "table on", "rename"]
    calls = subject._kept.read().calls
    assert calls["172.20.0.77", 8000] == calls["172.20.0.2", 8000] == 27010, "the container's own one, too"
    assert subject.standing(["back"]) == {"back": True} and subject.stand_in(["back"], False) == []
    assert [one["Config"]["Image"] for one in subject.docker.made.values()] == ["full"], "which has the program"


def test_it_goes_and_its_address_with_it(subject, events) -> None:
    subject.stand_in(["back"], False)
    assert subject.stand_down(["back"], False) == ["back"] and subject.stand_down(["back"], False) == []
    assert ("172.20.0.77", 8000) not in subject._kept.read().calls
    assert events.count("remove") == 1


def test_names_that_cannot_be_kept_are_refused(subject, events) -> None:
    back = next(one for one in subject.containers if one.service == "back")
    back.raw["NetworkSettings"]["Networks"]["shop_default"]["Aliases"] = ["back", "back1", "ledger"]
    with pytest.raises(RouterError, match="back: others may call it ledger, too"):
        subject.stand_in(["back"], False)
    back.raw["Name"] = "/back"
    with pytest.raises(RouterError, match=r"back: a container has this very name \(container_name\)"):
        subject.stand_in(["back"], False)
    assert events == []


def test_without_an_adoption_there_is_nowhere_to_lead_to(subject) -> None:
    subject._kept.write(None, False)
    with pytest.raises(RouterError, match="The ports are not adopted"):
        subject.stand_in(["back"], False)


def test_names_that_compose_made_up_are_nobodys() -> None:
    one = container("front", "172.20.0.4")
    one.raw["Name"] = "/shop-front-1"
    one.raw["NetworkSettings"]["Networks"]["shop_default"]["Aliases"] = ["shop-front-1", "front", "front1"]
    assert names_of(one) == {"front"}
