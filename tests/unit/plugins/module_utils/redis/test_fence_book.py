"""The book keeps rights as they were when they were whole."""

from __future__ import annotations

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.redis.client import RedisError
from ansible_collections.cryptobot.native.plugins.module_utils.redis.fence.book import Book
from ansible_collections.cryptobot.native.plugins.module_utils.redis.fence.rights import Selector, User

WHOLE, LESS = User("a", "+@all", (Selector("+get", "~b", ""),)), User("a", "+@all -@write")
READER = User("b", "-@all +get")


@pytest.fixture
def book(tmp_path) -> Book:
    return Book(tmp_path / "redis.json")


def test_passwords_are_made_once_and_only_root_reads_them(book, tmp_path) -> None:
    page = book.page("docker")
    assert book.page("docker") == page != book.page("native") and page.controller != page.follower
    assert len(page.controller) == 48
    assert (tmp_path / "redis.json").stat().st_mode & 0o777 == 0o600


def test_rights_of_one_that_is_closed_stay_as_they_were(book) -> None:
    book.keep("docker", [(WHOLE, True), (READER, False)])
    book.keep("docker", [(LESS, False), (READER, False)])
    assert Book(book._path).page("docker").users == {"a": WHOLE, "b": READER}


def test_rights_of_one_that_may_write_are_taken_anew(book) -> None:
    """A server that started again, or a user whose rights somebody set meanwhile."""
    book.keep("docker", [(WHOLE, True)])
    other = User("a", "-@all +set")
    assert book.keep("docker", [(other, True)]).users == {"a": other}


def test_what_is_seen_of_one_that_was_opened_counts(book) -> None:
    book.keep("docker", [(WHOLE, True), (READER, False)])
    book.opened("docker")
    changed = User("b", "-@all +ping")
    assert book.keep("docker", [(WHOLE, True), (changed, False)]).users["b"] == changed


def test_damage_is_said(book, tmp_path) -> None:
    (tmp_path / "redis.json").write_text('{"docker": {"users": []}}')
    with pytest.raises(RedisError, match="is damaged"):
        book.page("docker")
