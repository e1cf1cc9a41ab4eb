"""A part of the reference application's Compose file is a Compose file that knows nothing of the rest."""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "hosts"))

import stack  # noqa: E402

FILE = (ROOT / "examples" / "cryptobot" / "docker-compose.yml").read_text(encoding="utf-8")
SERVERS = {"postgres", "redis"}


def test_all_of_it_is_the_file_itself() -> None:
    assert yaml.safe_load(stack.WHOLE.compose_file(FILE)) == yaml.safe_load(FILE)
    assert stack.WHOLE.services(FILE) == list(yaml.safe_load(FILE)["services"])


def test_a_part_lacks_the_others_and_what_refers_to_them() -> None:
    whole, part = yaml.safe_load(FILE), yaml.safe_load(stack.DATA.compose_file(FILE))
    assert set(whole["services"]) - set(part["services"]) == stack.DATA.without
    assert stack.DATA.services(FILE) == list(part["services"])
    assert {name: part[name] for name in ("networks", "volumes", "secrets")} == {
        name: whole[name] for name in ("networks", "volumes", "secrets")
    }
    left = yaml.safe_dump(part["services"])
    assert [name for name in stack.DATA.without if f"http://{name}:" in left] == []


def test_what_is_left_is_as_it_was() -> None:
    whole, part = yaml.safe_load(FILE)["services"], yaml.safe_load(stack.DATA.compose_file(FILE))["services"]
    for name, service in part.items():
        lost = {key for key in whole[name]["environment"] if key not in service["environment"]}
        assert all(whole[name]["environment"][key].split("//")[1].split(":")[0] in stack.DATA.without for key in lost)
        assert service | {"environment": whole[name]["environment"]} == whole[name]


def test_doors_are_those_that_are_published() -> None:
    services = yaml.safe_load(FILE)["services"].values()
    published = {int(port.split(":")[-2]) for service in services for port in service.get("ports", []) if "$" not in port}
    assert set(stack.DOORS.values()) <= published
