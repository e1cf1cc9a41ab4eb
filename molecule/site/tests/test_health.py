"""Health is real: a datastore that is away makes exactly its users unavailable, and they name it."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import reference

SECONDS = 45
DATASTORES = sorted(reference.catalogue()["datastores"])


@pytest.fixture
def address(host) -> str:
    return host.ansible.get_variables()["cryptobot_address"]


def ask(address: str, service: str) -> tuple[int, str]:
    """Status and text of a service's readiness, through its public door."""
    door = reference.doors()[service]
    path = reference.catalogue()["services"][service]["processes"][door["process"]]["health"]["path"]
    try:
        with urllib.request.urlopen(f"http://{address}:{door['public']}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def statuses(address: str) -> dict[str, tuple[int, str]]:
    """All services at once."""
    services = sorted(reference.doors())
    with ThreadPoolExecutor(len(services)) as pool:
        return dict(zip(services, pool.map(lambda name: ask(address, name), services), strict=True))


def wait_for(address: str, wanted: Callable[[dict[str, tuple[int, str]]], bool]) -> dict[str, tuple[int, str]]:
    """The statuses as soon as they are as wanted, or the last seen."""
    deadline = time.monotonic() + SECONDS
    while not wanted(seen := statuses(address)) and time.monotonic() < deadline:
        time.sleep(0.5)
    return seen


@contextmanager
def away(host, name: str) -> Iterator[None]:
    """The datastore cannot be used for a while; nothing of it is lost."""
    store = reference.catalogue()["datastores"][name]
    if store["kind"] == "postgresql":
        sql = f"ALTER DATABASE \"{store['database']}\" ALLOW_CONNECTIONS {{}}"
        end = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{store['database']}'"
        stop = f"runuser -u postgres -- psql -qXc '{sql.format('false')}' && runuser -u postgres -- psql -qXc \"{end}\""
        start = f"runuser -u postgres -- psql -qXc '{sql.format('true')}'"
    elif store["kind"] == "redis":
        stop, start = (f"systemctl {verb} redis-server@cryptobot.service" for verb in ("stop", "start"))
    else:
        path = store["path"]
        stop, start = f"mv {path} {path}.away", f"mv {path}.away {path}"
    host.check_output(stop)
    try:
        yield
    finally:
        host.check_output(start)


@pytest.mark.parametrize("name", DATASTORES)
def test_exactly_its_users_are_unavailable_and_name_it(host, address: str, name: str) -> None:
    users = set(reference.catalogue()["datastores"][name]["users"])
    with away(host, name):
        seen = wait_for(address, lambda found: {s for s, (status, _) in found.items() if status != 200} == users)
    down = {service: text for service, (status, text) in seen.items() if status != 200}
    print(f"{name:18} " + " ".join(f"{service}={status}" for service, (status, _) in sorted(seen.items())))
    assert set(down) == users, down
    assert {seen[service][0] for service in users} == {503}
    for service, text in down.items():
        checks = json.loads(text)["checks"]
        assert [word for word, state in checks.items() if state != "ok"], f"{service} names nothing: {text}"
    healed = wait_for(address, lambda found: all(status == 200 for status, _ in found.values()))
    assert {service: answer for service, answer in healed.items() if answer[0] != 200} == {}
