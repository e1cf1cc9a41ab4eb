"""Every call of the catalogue is made, under one request id that both services log, by the internal doors alone."""

from __future__ import annotations

import json
import secrets

import pytest
import reference

ADMIN = "/run/cryptobot-edge/admin.sock"
CALLERS = sorted(name for name, service in reference.catalogue()["services"].items() if service["calls"])
ASK = """
import json, sys, urllib.request
url, token, request = sys.argv[1:]
headers = {"Authorization": "Bearer " + token, "X-Request-ID": request}
with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=20) as answer:
    print(answer.read().decode())
"""
TELL = """
import socket, sys
path, *lines = sys.argv[1:]
for line in lines:
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(path)
        link.sendall(line.encode() + b"\\n")
        print(link.recv(65536).decode().strip())
"""


def python(host, program: str, *words: str) -> str:
    """Runs a program with the host's own Python."""
    return host.check_output("python3 -c %s " + " ".join(["%s"] * len(words)), program, *words)


@pytest.fixture
def token(host) -> str:
    return reference.token(host.ansible.get_variables()["cryptobot_address"])


@pytest.fixture(params=["doors open", "public doors closed"])
def public(host, request, token: str):
    """The public doors as they are, and shut; a token is made before."""
    if request.param == "doors open":
        yield request.param
        return
    doors = [f"{door['name']}_public" for door in reference.doors().values()]
    python(host, TELL, ADMIN, *[f"disable frontend {door}" for door in doors])
    yield request.param
    python(host, TELL, ADMIN, *[f"enable frontend {door}" for door in doors])


@pytest.mark.parametrize("caller", CALLERS)
def test_a_request_id_travels_every_edge(host, token: str, public: str, caller: str) -> None:
    request = f"edge-{secrets.token_hex(8)}"
    internal = reference.doors()[caller]["internal"]
    answer = json.loads(python(host, ASK, f"http://127.0.0.1:{internal}/internal/calls", token, request))
    wanted = sorted(reference.catalogue()["services"][caller]["calls"])
    assert sorted(answer["calls"]) == wanted
    assert {callee: result for callee, result in answer["calls"].items() if result.get("status") != "ok"} == {}
    host.check_output("journalctl --sync")
    for service in [caller, *wanted]:
        unit = f"cryptobot-{service}-*"
        assert host.run(f"journalctl -o cat -u '{unit}' --since -2min | grep -c {request}").rc == 0, f"{service} did not log {request}"
