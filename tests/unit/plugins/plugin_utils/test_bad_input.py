"""Broken catalogues and inventories: each is found, at its path, with what is wrong, and no secret."""

from __future__ import annotations

import pytest
import yaml
from ansible_collections.cryptobot.native.tests.unit.plugins.plugin_utils.bad_input_cases import CASES, Case
from ansible_collections.cryptobot.native.tests.unit.plugins.plugin_utils.catalogue_cases import (
    CANARY,
    check,
    inventory_variables,
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_broken_input_is_found(case: Case) -> None:
    variables = inventory_variables() | (yaml.safe_load(case.variables) or {})
    variables = {name: value for name, value in variables.items() if value is not None}
    for name in ("services", "datastores"):
        if text := getattr(case, name):
            variables[f"cryptobot_{name}__case"] = yaml.safe_load(
                text if text.startswith(("{", "[")) else f"{{{text}}}"
            )
    for service, values in (yaml.safe_load(case.secrets) or {}).items():
        for name, value in values.items():
            variables["cryptobot_secrets"][service].pop(name, None)
            if value is not None:
                variables["cryptobot_secrets"][service][name] = value

    findings, resolved = check(variables, case.groups, case.hosts)

    assert resolved == {}
    found = {finding.path: finding for finding in findings}
    for path, problem in case.expect.items():
        assert path in found, sorted(map(str, findings))
        assert problem in found[path].problem
        assert case.example in found[path].example
    text = " ".join(map(str, findings))
    assert CANARY not in text
    assert not any(secret in text for secret in ("BEGIN PRIVATE KEY-----\n", str(variables.get("cryptobot_secrets"))))


def test_a_valid_inventory_has_no_finding() -> None:
    findings, resolved = check(inventory_variables())
    assert findings == []
    assert len(resolved["services"]) == 14


def test_a_cycle_in_calls_is_allowed() -> None:
    findings, resolved = check(
        inventory_variables() | {"cryptobot_services__cycle": {"strategy": {"calls": ["trade", "backtest", "auth"]}}}
    )
    assert findings == []
    assert "auth" in resolved["services"]["strategy"]["calls"]
    assert "strategy" in resolved["services"]["auth"]["calls"]


def test_all_findings_come_at_once() -> None:
    variables = inventory_variables() | {
        "cryptobot_enviroment": "staging",
        "cryptobot_services__case": {"auth": {"processes": {"web": {"lissen": 1}}}, "data": {"after": ["nothing"]}},
    }
    del variables["cryptobot_secrets"]["trade"]["redis_password"]
    findings, __ = check(variables)
    assert {finding.path for finding in findings} == {
        "cryptobot_enviroment",
        "services.auth.processes.web.lissen",
        "services.data.after",
        "cryptobot_secrets.trade.redis_password",
    }


def test_there_are_enough_cases() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 30
