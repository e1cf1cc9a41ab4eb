"""Options of roles are checked without showing their values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.findings import Findings
from ansible_collections.cryptobot.native.plugins.plugin_utils.role_options import check_options, role_options

CANARY = "canary-8Fq2xZ7w"
OPTIONS = {
    "x_number": {"type": "int", "default": 5},
    "x_flag": {"type": "bool", "default": True},
    "x_word": {"type": "str", "choices": ["a", "b"], "default": "a"},
    "x_numbers": {"type": "list", "elements": "int", "default": []},
    "x_deep": {"type": "dict", "options": {"in": {"type": "int", "required": True}, "word": {"type": "str"}}},
    "x_list": {"type": "list", "elements": "dict", "options": {"in": {"type": "int"}}},
    "x_secret": {"type": "raw"},
}


def faults(name: str, value: Any) -> dict[str, str]:
    findings = Findings()
    check_options({name: value}, OPTIONS, findings)
    assert CANARY not in " ".join(map(str, findings))
    return {finding.path: finding.problem for finding in findings}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x_number", 3), ("x_number", "3"), ("x_flag", "yes"), ("x_flag", False), ("x_word", "b"), ("x_numbers", [1, "2"]),
        ("x_deep", {"in": 1}), ("x_list", [{"in": 1}]), ("x_secret", {CANARY: [CANARY]}), ("x_number", None),
    ],
)
def test_what_is_admitted(name: str, value: Any) -> None:
    assert faults(name, value) == {}


@pytest.mark.parametrize(
    ("name", "value", "path", "problem"),
    [
        ("x_number", CANARY, "x_number", "should be a whole number"),
        ("x_flag", CANARY, "x_flag", "should be true or false"),
        ("x_word", CANARY, "x_word", "should be one of a, b"),
        ("x_word", [CANARY], "x_word", "should be one of a, b"),
        ("x_numbers", [1, CANARY], "x_numbers", "should be a list, each a whole number"),
        ("x_deep", {"in": CANARY}, "x_deep.in", "should be a whole number"),
        ("x_deep", {"in": 1, "ni": CANARY}, "x_deep.ni", "should be one of the known keys: in, word"),
        ("x_deep", {"word": "w"}, "x_deep.in", "should be a whole number"),
        ("x_list", [{"in": 1}, {"in": CANARY}], "x_list[1].in", "should be a whole number"),
        ("x_deep", CANARY, "x_deep", "should be a dictionary"),
    ],
)
def test_what_is_not(name: str, value: Any, path: str, problem: str) -> None:
    assert faults(name, value) == {path: problem}


def test_the_collection_has_options_of_all_its_roles() -> None:
    roles = Path(__file__).resolve().parents[4] / "roles"
    prefixes = {name.partition("_")[0] for name in role_options(roles)}
    assert {role.name for role in roles.iterdir() if (role / "meta" / "argument_specs.yml").exists()} <= prefixes
