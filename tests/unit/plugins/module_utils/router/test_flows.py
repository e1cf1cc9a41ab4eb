"""Flows round the router are found in what the kernel's programs print, and HAProxy's own are not."""

from __future__ import annotations

import subprocess

import pytest

from ansible_collections.cryptobot.native.plugins.module_utils.router.flows import (
    BETWEEN,
    Flow,
    Flows,
    end_between,
    end_flow,
)
from ansible_collections.cryptobot.native.plugins.module_utils.router.maps import RouterError

CONNTRACK = """\
tcp      6 431999 ESTABLISHED src=172.17.0.1 dst=172.17.0.5 sport=57068 dport=7000 src=172.20.0.2 dst=172.17.0.1 sport=8000 dport=57068 [ASSURED] mark=0 use=1
tcp      6 431999 ESTABLISHED src=172.20.0.4 dst=172.20.0.2 sport=40000 dport=8000 src=172.20.0.2 dst=172.20.0.4 sport=8000 dport=40000 [ASSURED] mark=0 use=1
tcp      6 431999 ESTABLISHED src=172.20.0.1 dst=172.20.0.2 sport=40664 dport=8000 src=172.20.0.2 dst=172.20.0.1 sport=8000 dport=40664 [ASSURED] mark=0 use=1
tcp      6 98 TIME_WAIT src=172.17.0.1 dst=172.17.0.5 sport=57070 dport=7000 src=172.20.0.2 dst=172.17.0.1 sport=8000 dport=57070 [ASSURED] mark=0 use=1
tcp      6 431999 ESTABLISHED src=172.17.0.1 dst=172.17.0.5 sport=57072 dport=7000 src=172.17.0.5 dst=172.17.0.1 sport=37000 dport=57072 [ASSURED] mark=0 use=1
"""
SOCKETS = """\
0      0         172.20.0.1:40664    172.20.0.2:8000  users:(("docker-proxy",pid=1211,fd=5))
0      0         172.20.0.1:40700    172.20.0.2:8000  users:(("haproxy",pid=1300,fd=33))
0      0      [::ffff:172.20.0.1]:40701 [::ffff:172.20.0.2]:8000 users:(("java",pid=7,fd=3))
0      0         127.0.0.1:5000      127.0.0.1:8000   users:(("x",pid=9,fd=3))
"""


def run(words):
    said = {
        "conntrack": CONNTRACK,
        "ss": SOCKETS,
        "ip": '[{"addr_info": [{"local": "172.20.0.1"}, {"local": "172.17.0.5"}]}]',
    }
    return subprocess.CompletedProcess(words, 0, said[words[0]], "")


def test_each_way_round_is_found() -> None:
    flows = Flows(run).around([("172.20.0.2", 8000)])
    assert [str(flow) for flow in flows] == [
        "172.17.0.1:57068 to 172.20.0.2:8000 (by port 7000)",
        "172.20.0.1:40664 to 172.20.0.2:8000 (docker-proxy, process 1211)",
        "172.20.0.4:40000 to 172.20.0.2:8000 (between containers)",
        "[::ffff:172.20.0.1]:40701 to 172.20.0.2:8000 (java, process 7)",
    ]
    assert [flow.client for flow in flows if flow.way == BETWEEN] == ["172.20.0.4:40000"]
    assert Flows(run).around([("172.20.0.9", 8000)]) == []


def test_who_connected_while_programs_were_looked_for_is_looked_at_again() -> None:
    unnamed = "0 0 172.20.0.1:40710 172.20.0.2:8000\n0 0 172.20.0.1:40711 172.20.0.2:8000\n"
    looks = [
        SOCKETS + unnamed,
        '0 0 172.20.0.1:40710 172.20.0.2:8000 users:(("haproxy",pid=1300,fd=34))\n0 0 172.20.0.1:40711 172.20.0.2:8000\n',
    ]

    def looked(words):
        return subprocess.CompletedProcess(words, 0, looks.pop(0), "") if words[0] == "ss" else run(words)

    said = {str(flow) for flow in Flows(looked).around([("172.20.0.2", 8000)])}
    assert said - {str(flow) for flow in Flows(run).around([("172.20.0.2", 8000)])} == {
        "172.20.0.1:40711 to 172.20.0.2:8000 (a program that has gone)"
    }


def test_what_cannot_be_counted_is_an_error() -> None:
    with pytest.raises(RouterError, match="conntrack failed, and connections past the router cannot be counted"):
        Flows(lambda words: subprocess.CompletedProcess(words, 1, "", "denied")).around([("172.20.0.2", 8000)])


def test_connections_are_ended_in_the_callers_own_network() -> None:
    seen = []

    def ended(words):
        seen.append(words)
        return subprocess.CompletedProcess(
            words, 0, "0 0 172.20.0.4:40000 172.20.0.2:8000\n0 0 172.20.0.4:40002 172.20.0.2:8000\n", ""
        )

    assert end_between(77, "172.20.0.2", 8000, ended) == 2
    assert seen == [
        ["nsenter", "-t", "77", "-n", "ss", "-KHtn", "state", "established", "dst", "172.20.0.2", "dport", "=", "8000"]
    ]
    flow = Flow("[::ffff:172.20.0.1]:40701", "172.20.0.2", 8000, "java, process 7")
    assert end_flow(78, flow, ended) == 2
    assert seen[1][2] == "78"
    assert seen[1][-8:] == ["dst", "172.20.0.1", "dport", "=", "40701", "sport", "=", "8000"]
    with pytest.raises(ValueError):
        end_between(77, "somewhere", 8000, ended)
