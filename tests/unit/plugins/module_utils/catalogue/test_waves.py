"""Start waves."""

from __future__ import annotations

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.waves import cycle, waves


def test_each_wave_needs_only_those_before() -> None:
    assert waves({"c": ["b"], "b": ["a"], "a": [], "d": ["a"]}) == [["a"], ["b", "d"], ["c"]]


def test_unknown_names_are_left_out() -> None:
    assert waves({"a": ["nobody"]}) == [["a"]]


def test_a_cycle_is_shown() -> None:
    with pytest.raises(ValueError, match="a → b → c → a"):
        waves({"a": ["b"], "b": ["c"], "c": ["a"], "d": []})


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ({}, []),
        ({"a": ["b"], "b": []}, []),
        ({"a": ["a"]}, ["a", "a"]),
        ({"x": ["a"], "a": ["b"], "b": ["a"]}, ["a", "b", "a"]),
    ],
)
def test_cycle(after: dict[str, list[str]], expected: list[str]) -> None:
    assert cycle(after) == expected
