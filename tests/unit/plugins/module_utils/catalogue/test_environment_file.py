"""The encoder of environment files, against a reader that follows systemd's own."""

from __future__ import annotations

import itertools

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.environment_file import (
    env_file,
    parse_env_file,
)

NASTY = ["a", " ", "\t", "\n", '"', "'", "\\", "$", "`", "#", ";", "=", "%", "é", "{", "€"]


def test_every_combination_of_three_nasty_characters_comes_back() -> None:
    values = ["".join(parts) for length in range(4) for parts in itertools.product(NASTY, repeat=length)]
    variables = {f"V{number}": value for number, value in enumerate(values)}
    assert parse_env_file(env_file(variables)) == variables


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("plain", "A=plain\n"),
        ("http://127.0.0.1:28000/x,y", "A=http://127.0.0.1:28000/x,y\n"),
        ("", 'A=""\n'),
        ("two words", 'A="two words"\n'),
        ("$HOME", 'A="\\$HOME"\n'),
        ("C:\\x", 'A="C:\\\\x"\n'),
        (True, "A=true\n"),
        (None, 'A=""\n'),
        (5, "A=5\n"),
    ],
)
def test_lines(value: object, line: str) -> None:
    assert env_file({"A": value}) == line


def test_the_order_is_that_of_the_names() -> None:
    assert env_file({"B": 1, "A": 2}) == "A=2\nB=1\n"


@pytest.mark.parametrize("name", ["", "1A", "A-B", "A B", "A=B", "Ä"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not the name of a variable"):
        env_file({name: "x"})


@pytest.mark.parametrize("value", ["a\0b", "a\x1bb", "a\rb"])
def test_control_characters_are_refused_without_showing_the_value(value: str) -> None:
    with pytest.raises(ValueError, match="A holds the control character") as caught:
        env_file({"A": "canary" + value})
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# c\n; c\nA=1\n", {"A": "1"}),
        ("A = 1 \n", {"A": "1"}),
        ("A=a b  \n", {"A": "a b"}),
        ("A='x y'z\n", {"A": "x yz"}),
        ('A="x\ny"\n', {"A": "x\ny"}),
        ("A=x\\\ny\n", {"A": "xy"}),
        ("nothing\nA=1", {"A": "1"}),
        ('A="\\n"', {"A": "\\n"}),
    ],
)
def test_the_reader_reads_as_systemd_does(text: str, expected: dict[str, str]) -> None:
    assert parse_env_file(text) == expected
