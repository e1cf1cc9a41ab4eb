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
token, answers = sys.argv[1], {}
for caller, (url, request) in json.loads(sys.argv[2]).items():
    headers = {"Authorization": "Bearer " + token, "X-Request-ID": request}
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=20) as answer:
        answers[caller] = json.loads(answer.read())["calls"]
print(json.dumps(answers))
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


def logged(host, requests: dict[str, str]) -> set[tuple[str, str]]:
    """Caller and unit of every log line that holds one of the request ids."""
    host.check_output("journalctl --sync")
    fields = "--output-fields=_SYSTEMD_UNIT,MESSAGE"
    lines = host.check_output(f"journalctl -o json {fields} --since -3min -u 'cryptobot-*' | grep -F edge-").splitlines()
    entries = [json.loads(line) for line in lines]
    return {
        (caller, entry["_SYSTEMD_UNIT"].split("@")[0])
        for entry in entries
        for caller, request in requests.items()
        if request in str(entry["MESSAGE"])
    }


def test_a_request_id_travels_every_edge(host, token: str, public: str) -> None:
    """Asked through the internal doors, which need no public one."""
    requests = {caller: f"edge-{secrets.token_hex(8)}" for caller in CALLERS}
    doors = reference.doors()
    asked = {caller: (f"http://127.0.0.1:{doors[caller]['internal']}/internal/calls", requests[caller]) for caller in CALLERS}
    answers = json.loads(python(host, ASK, token, json.dumps(asked)))
    services = reference.catalogue()["services"]
    assert {caller: sorted(calls) for caller, calls in answers.items()} == {name: sorted(services[name]["calls"]) for name in CALLERS}
    failed = {(caller, callee) for caller, calls in answers.items() for callee, call in calls.items() if call["status"] != "ok"}
    assert failed == set()
    wanted = {
        (caller, f"cryptobot-{service}-{doors[service]['process']}")
        for caller in CALLERS
        for service in [caller, *services[caller]["calls"]]
    }
    assert wanted - logged(host, requests) == set()
