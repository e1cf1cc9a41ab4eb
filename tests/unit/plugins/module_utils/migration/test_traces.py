from __future__ import annotations

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.migration.journal import Journal
from ansible_collections.cryptobot.native.plugins.module_utils.migration.traces import begun_after, cut_off


@pytest.fixture
def book(tmp_path) -> Journal:
    return Journal(tmp_path)


def test_a_step_is_cut_off_where_nothing_says_how_it_ended(book: Journal) -> None:
    assert not cut_off(book, "r", "stop")
    book.begin("r", "stop", {})
    assert cut_off(book, "r", "stop")
    assert not cut_off(book, "another", "stop")
    book.fail("r", "stop", "the engine is down")
    assert not cut_off(book, "r", "stop")
    with book.step("r", "stop", {}) as step:
        step.progress({"was": []})
        assert cut_off(book, "r", "stop")
    assert not cut_off(book, "r", "stop")


def test_a_rename_that_has_begun_since_the_copy(book: Journal) -> None:
    with book.step("r", "copy", {}):
        pass
    assert not begun_after(book, "r", "activate", "copy")
    book.begin("r", "activate", {})
    assert begun_after(book, "r", "activate", "copy")
    with book.step("r", "copy", {}):
        pass
    assert not begun_after(book, "r", "activate", "copy")
