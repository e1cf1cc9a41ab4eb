"""Compose's variables and its .env, case by case."""

from __future__ import annotations

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.docker.dotenv import parse_dotenv, parse_dotenv_v1
from ansible_collections.cryptobot.native.plugins.module_utils.docker.interpolation import Interpolation, Missing

VARIABLES = {"A": "one", "EMPTY": "", "B": "two", "D": "a$b"}


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("plain", "plain"),
        ("$A-$B", "one-two"),
        ("${A}${B}", "onetwo"),
        ("$$A $$$$", "$A $$"),
        ("$${A}", "${A}"),
        ("${X:-d}", "d"),
        ("${EMPTY:-d}", "d"),
        ("${EMPTY-d}", ""),
        ("${X-d}", "d"),
        ("${A:-d}", "one"),
        ("${A:?no}", "one"),
        ("${A:+yes}", "yes"),
        ("${EMPTY:+yes}", ""),
        ("${EMPTY+yes}", "yes"),
        ("${X+yes}", ""),
        ("${X:-${B}}", "two"),
        ("${X:-${Y:-deep}}", "deep"),
        ("${X:-http://h:1/p?q=#}", "http://h:1/p?q=#"),
        ("${X:-}", ""),
        ("${D}", "a$b"),
        ("${X:-a}b}", "ab}"),
        ("é ${A} ü", "é one ü"),
    ],
)
def test_interpolation(text, result):
    work = Interpolation(VARIABLES)
    assert work.text(text) == result
    assert not work.missing


def test_missing_variables_are_remembered_with_their_place():
    work = Interpolation(VARIABLES)
    data = {"services": {"a": {"image": "x:$TAG", "environment": ["P=${P:?set it}", 5, None]}}}
    assert work.walk(data) == {"services": {"a": {"image": "x:", "environment": ["P=", 5, None]}}}
    assert work.missing == [
        Missing("TAG", "services.a.image"),
        Missing("P", "services.a.environment.P", required=True),
    ]


@pytest.mark.parametrize("text", ["$", "a$ b", "${", "${1}", "$5", "${A/x/y}", "${A"])
def test_what_compose_refuses_stays_and_is_named(text):
    work = Interpolation(VARIABLES)
    assert work.walk({"k": text}) == {"k": text}
    assert work.malformed == ["k"]


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("A=b\n", {"A": "b"}),
        ("export A=b", {"A": "b"}),
        ("A = b ", {"A": "b"}),
        ("A: b", {"A": "b"}),
        ("# x\n\nA=b # why\nB=c#d\r\n", {"A": "b", "B": "c#d"}),
        ("A='a # b' # c", {"A": "a # b"}),
        (r"A='it\'s \n'", {"A": r"it's \n"}),
        (r'A="x\ny \"q\" \\ \z"', {"A": 'x\ny "q" \\ \\z'}),
        ('A="two\nlines"\nB=1', {"A": "two\nlines", "B": "1"}),
        ("A=", {"A": ""}),
        ("A=#x", {"A": "#x"}),
        ("A= # x", {"A": "# x"}),
        ("A\nB=2", {"A": None, "B": "2"}),
        ("A=1\nB=${A}2\nC='${A}'\nD=\"$A\"", {"A": "1", "B": "12", "C": "${A}", "D": "1"}),
        ("A=p$$w\nB=a$", {"A": "p$w", "B": "a$"}),
        ("\ufeffA=1", {"A": "1"}),
        ("A=é ü", {"A": "é ü"}),
        ("A=x=y==", {"A": "x=y=="}),
        ("A=1\n", {"A": "1"}),
    ],
)
def test_dotenv(text, result):
    assert parse_dotenv(text) == result


def test_an_env_file_of_compose_v1_leaves_dollars_alone():
    assert parse_dotenv("A=1\nB=${A}$$", interpolate=False) == {"A": "1", "B": "${A}$$"}


def test_dotenv_of_compose_v1_knows_braces_alone():
    text = "A=1\nB=${A}$A\nC='${A}${X:-d}'\nD=${X}"
    assert parse_dotenv_v1(text) == {"A": "1", "B": "1$A", "C": "1d", "D": ""}
