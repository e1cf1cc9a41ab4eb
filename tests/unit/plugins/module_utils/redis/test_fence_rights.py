"""What rules of Redis mean, what closing takes, and that opening gives it back."""

from __future__ import annotations

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.redis.fence.rights import Commands, Selector, User

COMMANDS = Commands(
    {
        "write": ["set", "flushall", "sort", "xgroup|create"],
        "read": ["get", "keys"],
        "admin": ["config|set", "config|get", "shutdown"],
        "dangerous": ["flushall", "keys", "info", "sort", "config|set", "modulish.break"],
        "connection": ["ping", "client|setname", "client|kill"],
    }
)
SECOND = Selector("-@all +set", "~b:*", "")


@pytest.mark.parametrize(
    ("rules", "found"),
    [
        ("-@all +get", {"get"}),
        ("+@all -@write -@admin -@dangerous -@connection", {"get"}),
        ("-@all +config", {"config", "config|set", "config|get"}),
        ("+@admin -config", {"shutdown"}),
        ("+@admin -config|set", {"config|get", "shutdown"}),
        ("-@all +set|first", {"set|first"}),
        ("-@all +set|first -@write", set()),
        ("allcommands nocommands +ping", {"ping"}),
        ("+@unknown", set()),
    ],
)
def test_rules_are_read_from_left_to_right(rules: str, found: set[str]) -> None:
    assert COMMANDS.allowed(rules) == found


@pytest.mark.parametrize(
    ("user", "writes"),
    [
        (User("a", "+@all"), True),
        (User("a", "-@all +get +keys +info"), False),
        (User("a", "-@all +config|set"), True),
        (User("a", "-@all +set|first"), True),
        (User("a", "-@all +modulish.break"), True),
        (User("a", "-@all +get", (SECOND,)), True),
        (User("a", "+@all -@write -@admin -modulish.break"), False),
    ],
)
def test_who_writes(user: User, writes: bool) -> None:
    assert user.writes(COMMANDS) is writes


def test_closing_takes_by_category_and_what_is_dangerous_besides() -> None:
    user = User("a", "+@all", (SECOND,))
    assert user.closing(COMMANDS) == [
        "-@write", "-@admin", "-modulish.break",
        "clearselectors", "(~b:* resetchannels -@all +set -@write -@admin -modulish.break)",
    ]  # fmt: skip
    assert user.opening() == ["nocommands", "+@all", "clearselectors", "(~b:* resetchannels -@all +set)"]
    closed = User("a", " ".join(["+@all", *COMMANDS.closers]))
    assert not closed.writes(COMMANDS) and "keys" in COMMANDS.allowed(closed.commands)


def test_same_rights_in_other_words_are_the_same() -> None:
    assert User("a", "-@all +get +set").same(User("a", "-@all +set +get"), COMMANDS)
    assert not User("a", "-@all +get").same(User("a", "-@all +get", (SECOND,)), COMMANDS)
    assert not User("a", "-@all +get").same(User("a", "-@all +set"), COMMANDS)


def test_answers_of_both_generations_are_understood() -> None:
    new = ["flags", ["on"], "passwords", [], "commands", "-@all +get", "keys", "~a:*", "channels", "",
           "selectors", [["commands", "-@all +set", "keys", "~b:*", "channels", ""]]]  # fmt: skip
    old = ["flags", ["on"], "passwords", [], "commands", "+@all", "keys", ["*"], "channels", ["*"]]
    assert User.parsed("a", new) == User("a", "-@all +get", (SECOND,))
    assert User.parsed("b", old) == User("b", "+@all")
