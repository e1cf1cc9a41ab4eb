"""The filters as Ansible finds them: each documented, each answering to what its documentation shows."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.cryptobot.native.plugins.filter.catalogue import FilterModule
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.resolve import resolve
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.validate import validate
from ansible_collections.cryptobot.native.tests.unit.plugins.plugin_utils.catalogue_cases import one_host, shipped

FILTERS = FilterModule().filters()
DOCUMENTATION = Path(__file__).resolve().parents[4] / "plugins" / "filter"


@pytest.fixture(scope="module")
def resolved() -> dict:
    return resolve(validate(shipped()).usable, one_host(), {"services.auth.processes.web.port": "a.yml:1 (x)"})


@pytest.mark.parametrize("name", sorted(FILTERS))
def test_each_is_documented(name: str) -> None:
    page = yaml.safe_load((DOCUMENTATION / f"{name}.yml").read_text(encoding="utf-8"))
    assert page["DOCUMENTATION"]["name"] == name
    assert name in page["EXAMPLES"]


def test_services_of_a_host(resolved: dict) -> None:
    assert len(FILTERS["services_on"](resolved, "one")) == 14
    assert FILTERS["services_on"](resolved, "nobody") == []


def test_addresses(resolved: dict) -> None:
    assert (
        FILTERS["rewrite_urls"]("postgresql://auth@postgres/auth_db", resolved)
        == "postgresql://auth@127.0.0.1:5432/auth_db"
    )


def test_waves() -> None:
    assert FILTERS["waves"]({"trade": ["auth"], "auth": []}) == [["auth"], ["trade"]]


def test_environment_file() -> None:
    assert FILTERS["env_file"]({"GREETING": 'say "hello" for $5'}) == 'GREETING="say \\"hello\\" for \\$5"\n'


def test_ports(resolved: dict) -> None:
    assert FILTERS["ports"](resolved)[0] == {"port": 80, "kind": "entrance", "owner": "edge", "address": "0.0.0.0"}


@pytest.mark.parametrize("show", ["services", "catalogue"])
def test_views_name_every_service(resolved: dict, show: str) -> None:
    text = "\n".join(FILTERS["catalogue_view"](resolved, show))
    assert all(name in text for name in resolved["services"])


def test_provenance_shows_what_was_set_here(resolved: dict) -> None:
    lines = FILTERS["catalogue_view"](resolved, "provenance")
    assert lines[0] == "0 values are the shipped catalogue's, 1 were set here."
    assert lines[-1].split() == ["services.auth.processes.web.port", "8000", "a.yml:1", "(x)"]


@pytest.mark.parametrize(
    ("name", "arguments", "problem"),
    [
        ("waves", [{"a": ["b"], "b": ["a"]}], "a → b → a"),
        ("env_file", [{"1": "canary"}], "not the name of a variable"),
        ("catalogue_view", [{}, "everything"], "one of services, catalogue, provenance"),
    ],
)
def test_faults_are_said_and_values_are_not(name: str, arguments: list, problem: str) -> None:
    with pytest.raises(AnsibleFilterError, match=problem) as caught:
        FILTERS[name](*arguments)
    assert "canary" not in str(caught.value)


def test_a_missing_secret_is_named(resolved: dict) -> None:
    with pytest.raises(AnsibleFilterError, match=r"cryptobot_secrets\.\S+ has no value"):
        FILTERS["secret_files"](resolved, "one", {})
