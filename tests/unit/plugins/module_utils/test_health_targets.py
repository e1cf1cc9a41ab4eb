# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole is healthy when every door and every process without one is."""

from __future__ import annotations

from typing import Any

from ansible_collections.cryptobot.native.plugins.module_utils import health_targets


def process(name: str, port: int | None, **health: Any) -> dict[str, Any]:
    units = [{"unit": f"cryptobot-x-{name}@{n}.service", "slot": slot} for n, slot in ((1, "a"), (2, "b"))]
    return {"name": name, "port": port, "health": health, "units": units}


CATALOGUE: dict[str, Any] = {
    "edge": {"bind": "0.0.0.0", "port": 80},
    "hosts": {"one": {"groups": ["cryptobot_app", "cryptobot_edge"], "services": ["x"]}, "db": {"groups": [], "services": []}},
    "waves": [["x"]],
    "services": {
        "x": {
            "name": "x",
            "uses": {},
            "processes": {
                "web": process("web", 8000, path="/ready", expect={"status": "ok"}),
                "raw": process("raw", 9000),
                "worker": process("worker", None),
            },
        }
    },
    "doors": [
        {"name": "x_web", "service": "x", "process": "web", "public": 8000},
        {"name": "x_raw", "service": "x", "process": "raw", "public": 9000},
    ],
}


def test_doors_are_asked_through_the_proxy_and_the_rest_of_systemd() -> None:
    assert health_targets.targets(CATALOGUE, "one") == [
        {"name": "x_web", "url": "http://127.0.0.1:8000/ready", "expect": {"status": "ok"}},
        {"name": "x_raw", "tcp": "127.0.0.1:9000"},
        {"name": "cryptobot-x-worker@1.service", "unit": "cryptobot-x-worker@1.service"},
    ]


def test_a_host_that_serves_nothing_asks_nothing() -> None:
    assert health_targets.targets(CATALOGUE, "db") == []
    assert health_targets.targets(CATALOGUE, "unknown") == []


def test_an_edge_bound_to_one_address_is_asked_there() -> None:
    bound = {**CATALOGUE, "edge": {"bind": "10.0.0.5", "port": 80}}
    assert health_targets.targets(bound, "one")[0]["url"].startswith("http://10.0.0.5:8000/")


def test_the_table_says_what_was_seen_and_what_was_not_asked() -> None:
    answers = [{"name": "x_web", "healthy": True, "saw": "200"}, {"name": "x_raw", "healthy": False, "saw": "connection refused"}]
    lines = health_targets.table(CATALOGUE, answers)
    assert lines[0].split() == list(health_targets.HEADINGS)
    assert [line.split("  ")[0] for line in lines[1:]] == ["x", "x", "x"]
    assert "healthy" in lines[1] and "unhealthy: connection refused" in lines[2] and "not asked" in lines[3]
