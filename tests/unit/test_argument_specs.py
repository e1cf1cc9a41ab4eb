"""A role's argument spec and its defaults say the same: the same names, and the same values."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

ROLES = sorted((Path(__file__).resolve().parents[2] / "roles").glob("*/"))


def options(role: Path) -> dict[str, dict]:
    """The public variables of all entry points of a role."""
    specs = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]
    return {name: option for entry in specs.values() for name, option in entry.get("options", {}).items()}


def defaults(role: Path) -> dict[str, object]:
    path = role / "defaults" / "main.yml"
    return (yaml.safe_load(path.read_text(encoding="utf-8")) or {}) if path.exists() else {}


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_every_default_is_specified(role: Path) -> None:
    assert set(defaults(role)) <= set(options(role))


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_every_option_has_a_default_or_is_required(role: Path) -> None:
    without = {name for name, option in options(role).items() if not option.get("required", False)}
    assert without <= set(defaults(role))


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_values_agree(role: Path) -> None:
    """A computed default (a template) cannot stand in a spec, where it would be shown as the text that it is."""
    computed = {name for name, value in defaults(role).items() if isinstance(value, str) and "{{" in value}
    specified = {name: option.get("default") for name, option in options(role).items()}
    assert {name: specified.get(name) for name in defaults(role) if name not in computed} == {
        name: value for name, value in defaults(role).items() if name not in computed
    }
    assert {name: specified.get(name) for name in computed} == dict.fromkeys(computed)


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_every_option_is_typed_and_described(role: Path) -> None:
    assert {name for name, option in options(role).items() if not ("type" in option and "description" in option)} == set()
