"""Where one side alone may connect: who is refused, what a firewall is told, and how a window exchanges the sides."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.cryptobot.native.plugins.module_utils.cutover.intent import Intent
from ansible_collections.cryptobot.native.plugins.module_utils.cutover.outlets import OneSide
from ansible_collections.cryptobot.native.plugins.module_utils.cutover.stores import made
from ansible_collections.cryptobot.native.plugins.module_utils.migration import windowed
from ansible_collections.cryptobot.native.plugins.module_utils.router import outlets
from ansible_collections.cryptobot.native.plugins.module_utils.router.maps import RouterError
from ansible_collections.cryptobot.native.plugins.module_utils.router.outlets import Book, Outlet, Outlets
from tests.unit.plugins.module_utils.migration.test_windowed import GIVEN, resolved

TRADE = Outlet("trade", "critical", ("trade-service",), "cryptobot-trade", ("203.0.113.0/25", "203.0.113.128/25"))
DATA = Outlet("data", "first", ("data-service",), "cryptobot-data", ("any",))


class Firewall:
    """What it was last told; `gone`: somebody has loaded another rule set since."""

    def __init__(self) -> None:
        self.text, self.gone, self.told = "", False, 0

    def __call__(self, words: Sequence[str], text: str) -> subprocess.CompletedProcess[str]:
        if "-f" in words:
            self.text, self.gone = text, False
            self.told += 1
        return subprocess.CompletedProcess(list(words), int(self.gone), self.text, "")


def container(service: str, *found: str, mode: str = "shop_default") -> Any:
    addresses = {f"net{number}": address for number, address in enumerate(found)}
    return SimpleNamespace(service=service, running=True, name=f"shop_{service}_1", addresses=addresses, network_mode=mode)


@pytest.fixture(autouse=True)
def users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outlets, "_uid", {"cryptobot-trade": 901, "cryptobot-data": 902}.get)


@pytest.fixture
def firewall() -> Firewall:
    return Firewall()


def kept(folder: Path, firewall: Firewall, sides: dict[str, str]) -> Outlets:
    found = Outlets(folder, firewall)
    containers = [container("trade-service", "172.18.0.5"), container("data-service", "172.18.0.6", "fd00::6")]
    found.put(found.wanted([TRADE, DATA], ["critical", "first"], sides, containers))
    return found


def test_the_side_that_does_not_write_is_refused(tmp_path: Path, firewall: Firewall) -> None:
    kept(tmp_path, firewall, {"critical": "native"})
    rules = firewall.text
    assert "ip saddr { 172.18.0.5 } ip daddr { 203.0.113.0/24 } meta l4proto tcp counter reject with tcp reset" in rules
    assert "skuid 901" not in rules and "172.18.0.6" not in rules
    assert "meta skuid 902 ip daddr != { 10.0.0.0/8," in rules and "meta skuid 902 ip6 daddr != { ::1/128," in rules
    assert (tmp_path / "outlets.nft").read_text() == rules


def test_a_containers_own_connections_pass_two_hooks(tmp_path: Path, firewall: Firewall) -> None:
    kept(tmp_path, firewall, {"critical": "native", "first": "native"})
    chains = firewall.text.split("  chain ")
    by_hook = {chain.split()[0]: chain for chain in chains[1:]}
    assert "172.18.0.5" in by_hook["forward"] and "172.18.0.5" in by_hook["input"] and "172.18" not in by_hook["output"]
    assert "ip6 saddr { fd00::6 } ip6 daddr != " in by_hook["forward"]


def test_in_the_window_neither_side_may_and_then_the_other_one(tmp_path: Path, firewall: Firewall) -> None:
    found = kept(tmp_path, firewall, {})
    assert found.read().closed == {"critical": ("native",), "first": ("native",)}
    found.close(["critical"], "docker")
    assert found.read().closed == {"critical": ("docker", "native"), "first": ("native",)}
    found.open(["critical"], "native")
    found.open(["critical"], "native")
    assert found.read().closed == {"critical": ("docker",), "first": ("native",)}


def test_what_has_changed_is_put_on_again_and_nothing_else(tmp_path: Path, firewall: Firewall) -> None:
    found = kept(tmp_path, firewall, {"critical": "native"})
    same = [container("trade-service", "172.18.0.5"), container("data-service", "172.18.0.6", "fd00::6")]
    assert found.again(same) == [] and firewall.told == 1
    moved = [container("trade-service", "172.18.0.9"), same[1]]
    assert found.again(moved) and "172.18.0.9" in firewall.text
    firewall.gone = True
    assert found.again(moved) and firewall.told == 3
    assert Outlets(tmp_path / "none", firewall).again(same) == [] and firewall.told == 3


@pytest.mark.parametrize(
    ("side", "refused"), [("docker", ("native",)), ("native", ("docker",)), ("none", ("docker", "native"))]
)
def test_outside_of_a_window_the_record_says_who_may(
    tmp_path: Path, firewall: Firewall, side: str, refused: tuple[str, ...]
) -> None:
    """Whatever somebody who came too late has left."""
    found = kept(tmp_path, firewall, {"critical": "native"})
    found.close(["critical"], "native")
    assert found.again([], None) == [] and found.read().closed["critical"] == ("docker", "native")
    found.again([], {"critical": side})
    assert found.read().closed == {"critical": refused, "first": ("native",)}


def test_a_container_that_is_stopped_keeps_its_last_address(tmp_path: Path, firewall: Firewall) -> None:
    found = kept(tmp_path, firewall, {"critical": "native"})
    assert found.again([]) == [] and "172.18.0.5" in (tmp_path / "outlets.nft").read_text()


def test_given_up_both_may(tmp_path: Path, firewall: Firewall) -> None:
    found = kept(tmp_path, firewall, {"critical": "native"})
    found.put(found.wanted([], ["critical"], {}, []))
    assert [each.service for each in found.read().outlets] == ["data"] and "172.18.0.5" not in firewall.text
    found.put(found.wanted([], ["first"], {}, []))
    assert found.read() == Book() and firewall.text == "table inet cryptobot_outlets\ndelete table inet cryptobot_outlets\n"


def test_who_cannot_be_told_from_the_host_is_named() -> None:
    (said,) = outlets.unreachable([TRADE], [container("trade-service", mode="host"), container("other", mode="host")])
    assert "shop_trade-service_1 has no address of its own" in said and "egress_fence" in said


def test_what_nft_says_is_told(tmp_path: Path) -> None:
    def refuses(words: Sequence[str], text: str) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(list(words), 1, "", "Operation not permitted")

    with pytest.raises(RouterError, match="outgoing connections are not refused.*Operation not permitted"):
        Outlets(tmp_path, refuses).put(Book((TRADE,), {"critical": ("docker",)}, {"trade-service": ("172.18.0.5",)}))


def test_it_takes_part_in_a_window(tmp_path: Path, firewall: Firewall, monkeypatch: pytest.MonkeyPatch) -> None:
    intent = Intent("w", "docker", "native", 3, ("critical",), (), outlets=("critical",))
    assert Intent.parsed(intent.text()).outlets == ("critical",)
    assert [type(each).__name__ for each in made(intent, "w", tmp_path)] == ["Decision", "OneSide"]
    found = kept(tmp_path, firewall, {})
    one = OneSide(intent, tmp_path)
    monkeypatch.setattr(one, "_outlets", found)
    assert one.obstacles() == ([], ())
    one.close(3.0, False)
    assert found.read().closed["critical"] == ("docker", "native")
    one.reopen()
    assert found.read().closed["critical"] == ("native",)
    one.close(3.0, False)
    one.open()
    assert found.read().closed["critical"] == ("docker",)
    assert "native side of critical may already connect" in one.obstacles()[0][0]


def test_what_the_catalogue_says_of_them() -> None:
    given = {**GIVEN, "services": {**GIVEN["services"]}}
    given["services"]["orders"] = {**GIVEN["services"]["orders"], "egress_fence": ["203.0.113.0/24"]}
    catalogue = resolved(given)
    wanted = {"service": "orders", "group": "first", "user": "cryptobot-orders", "networks": ["203.0.113.0/24"], "containers": ["orders"]}
    assert windowed.outlets(catalogue, "first") == windowed.outlets(catalogue, "all") == [wanted]
    assert windowed.window(catalogue, {"project": "shop"}, "first")["outlets"] == ["first"]
    assert windowed.window(catalogue, {"project": "shop"}, "second")["outlets"] == []
