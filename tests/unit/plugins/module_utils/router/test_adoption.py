"""What is redirected is what is published, exactly, and the kernel's tables say what was put in."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cryptobot.native.plugins.module_utils.docker.engine import Engine
from ansible_collections.cryptobot.native.plugins.module_utils.router import adoption, containers as found
from ansible_collections.cryptobot.native.plugins.module_utils.router.adoption import (
    Adoption,
    Tables,
    not_adopted,
    parsed,
    text,
    wanted,
)
from ansible_collections.cryptobot.native.plugins.module_utils.router.maps import NOWHERE, RouterError
from ansible_collections.cryptobot.native.plugins.module_utils.router.state import Kept
from ansible_collections.cryptobot.native.plugins.module_utils.router.watch import following

from .conftest import NETWORKS, container, door


def listed(one: Adoption, rules: tuple[int, int, int] = (3, 2, 1)) -> str:
    """As `nft -j list table ip` gives it."""
    everywhere = [[port, to] for (address, port), to in one.published.items() if address == "0.0.0.0"]
    exact = [[{"concat": list(key)}, to] for key, to in one.published.items() if key[0] not in ("0.0.0.0", "::")]
    calls = [[{"concat": list(key)}, to] for key, to in one.calls.items()]
    sets = [("map", "everywhere", everywhere), ("map", "published", exact), ("map", "calls", calls)]
    sets += [("set", "bridges", sorted(one.bridges)), ("set", "doors", sorted(one.doors))]
    entries: list[dict[str, Any]] = [
        {kind: {"name": name, **({"elem": elements} if elements else {})}} for kind, name, elements in sets
    ]
    for chain, count in zip(("prerouting", "output", "input"), rules, strict=True):
        entries += [{"rule": {"chain": chain}}] * count
    return json.dumps({"nftables": entries})


def test_ports_are_taken_as_they_are_published(doors, containers) -> None:
    one = wanted(doors, containers, NETWORKS)
    assert one.published == {("0.0.0.0", 7000): 37000, ("127.0.0.1", 7010): 37010, ("192.0.2.1", 7011): 37010}
    assert one.calls == {("172.20.0.4", 8000): 27000, ("172.20.0.2", 8000): 27010}
    assert one.bridges == {"br-1"} and one.doors == {37000, 37010}
    assert wanted(doors, containers, NETWORKS, ipv6=True).published.keys() - one.published.keys() == {("::", 7000)}
    assert not_adopted(doors, containers) == ["store:8000 at 127.0.0.1:15432"]


def test_one_for_ipv4_alone_does_not_open_ipv6(doors) -> None:
    one = wanted(doors, [container("front", "172.20.0.4", [("0.0.0.0", "7000")])], NETWORKS, ipv6=True)
    assert one.published == {("0.0.0.0", 7000): 37000}
    assert "7000 : 37000" not in text(one, ipv6=True).partition("table ip6")[2]


def test_a_stopped_container_keeps_its_ports_and_nobody_calls_it(doors) -> None:
    one = wanted(doors, [container("front", "", [("", "7000")])], NETWORKS)
    assert one.published == {("0.0.0.0", 7000): 37000} and one.calls == {}


def test_what_docker_chose_and_what_is_on_the_hosts_network_cannot_be_taken(doors) -> None:
    assert wanted(doors, [container("front", "172.20.0.4", [("", "0")])], {}).published == {}
    assert wanted(doors, [container("front", "10.0.0.1", [("", "7000")], mode="host")], {}) == Adoption()


def test_the_tables_say_what_was_put_in(doors, containers) -> None:
    one = wanted(doors, containers, NETWORKS)
    assert parsed(json.loads(listed(one))) == one
    assert parsed(json.loads(listed(one, (3, 2, 0)))) is None, "a rule that somebody took out is missing"


def test_nft_gets_our_own_table_and_nothing_else(doors, containers) -> None:
    one = wanted(doors, containers, NETWORKS)
    said = text(one)
    assert said.startswith("table ip cryptobot_router\ndelete table ip cryptobot_router\ntable ip cryptobot_router {")
    assert "flush" not in said and "ip6" not in said
    assert "127.0.0.1 . 7010 : 37010, 192.0.2.1 . 7011 : 37010" in said and "172.20.0.2 . 8000 : 27010" in said
    assert said.count("priority -110") == 2
    assert text(None, ipv6=True).count("delete table") == 2


def test_after_a_boot_calls_wait_until_somebody_has_looked(doors, containers) -> None:
    """An address of before may be another container's, so nobody is led by it, and nobody gets there directly."""
    one = wanted(doors, containers, NETWORKS)
    said = text(one, boot=True)
    assert "172.20.0.2 . 8000" not in said and "127.0.0.1 . 7010 : 37010" in said
    assert "hook forward" in said and "iifname @bridges tcp dport { 8000 } tcp flags & (syn | ack) == syn" in said
    assert "hook forward" not in text(one) and "hook forward" not in text(Adoption(), boot=True)
    assert parsed(json.loads(listed(one)[:-2] + ', {"rule": {"chain": "forward"}}]}')) is None, "the watcher replaces it"


def test_what_nft_refuses_is_said() -> None:
    def run(words, given):
        return subprocess.CompletedProcess(
            words, 1, "", "Operation not permitted" if words[1] == "-f" else "No such file or directory"
        )

    tables = Tables(run)
    assert tables.read() is None
    with pytest.raises(RouterError, match="nothing was changed. nft says: Operation not permitted"):
        tables.put(Adoption())


def test_it_is_kept_as_it_was(tmp_path: Path, doors, containers) -> None:
    kept, one = Kept(tmp_path), wanted(doors, containers, NETWORKS)
    assert kept.read() is None
    kept.write(one, False)
    assert kept.read() == one and (tmp_path / "adoption.nft").read_text() == text(one, boot=True)
    kept.write(None, False)
    assert kept.read() is None and list(tmp_path.iterdir()) == []
    (tmp_path / "adoption.json").write_text('{"version": 2}')
    with pytest.raises(RouterError, match="cannot be read"):
        kept.read()


def test_calls_follow_the_containers_and_ports_do_not(doors, containers) -> None:
    before = wanted(doors, containers, NETWORKS)
    now = wanted(
        doors, [container("front", "172.20.0.7", [])], {"shop_default": {"interface": "br-2", "gateway": "172.20.0.1"}}
    )
    after = following(before, now)
    assert after.published == before.published and after.calls == {("172.20.0.7", 8000): 27000}
    assert after.bridges == {"br-1", "br-2"}


def test_calls_where_no_door_listens_stay_direct(doors, containers) -> None:
    elsewhere = {"shop_default": {"interface": "br-1", "gateway": "172.30.0.1"}}
    assert wanted(doors, containers, elsewhere).calls == {}
    assert found.unheard(doors, containers, elsewhere) == ["172.30.0.1"]
    assert found.unheard(doors, containers, NETWORKS) == []


def test_addresses_are_those_of_running_containers(doors, containers) -> None:
    assert found.addresses(doors, containers) == {
        "FRONT_WEB_CONTAINER": "172.20.0.4:8000",
        "BACK_WEB_CONTAINER": "172.20.0.2:8000",
    }
    assert found.addresses([door("front")], [container("front")]) == {"FRONT_WEB_CONTAINER": NOWHERE}
    assert found.addresses(
        [door("front")], [container("front", number=1), container("front", "172.20.0.8", number=2)]
    ) == {"FRONT_WEB_CONTAINER": "172.20.0.8:8000"}
    assert found.scaled([door("front")], [container("front", "1.1.1.1"), container("front", "1.1.1.2", number=2)]) == [
        "front"
    ]


def test_networks_and_the_hosts_address_on_them(containers, client) -> None:
    networks = found.networks_of(Engine(client(containers)), containers)
    assert networks == {"shop_default": {"interface": "br-111111111111", "subnet": "172.20.0.0/16", "gateway": "172.20.0.1"}}
    assert found.gateways([*containers, container("stopped")], networks)["stopped"] == ["172.20.0.1"]


def test_whether_calls_pass_the_table(tmp_path: Path) -> None:
    switch = tmp_path / "bridge-nf-call-iptables"
    assert not adoption.calls_pass_the_table(switch)
    switch.write_text("1\n")
    assert adoption.calls_pass_the_table(switch)
