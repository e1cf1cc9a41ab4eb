# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.compare.definitions import same

LONG = " SELECT t.id, count(*) AS n FROM zoo.tree t WHERE t.label = 'a.b'::text"
SHORT = " SELECT id, count(*) AS n FROM zoo.tree t WHERE label = 'a.b'::text"


def test_older_majors_name_the_source_of_each_column():
    assert same(LONG, 15, SHORT, 17) and same(SHORT, 17, LONG, 13)


def test_between_majors_that_print_alike_every_word_counts():
    assert not same(LONG, 13, SHORT, 15)
    assert same(LONG, 15, LONG, 15)


@pytest.mark.parametrize(
    "short",
    [
        SHORT.replace("label", "id"),
        SHORT.replace("a.b", "b"),
        SHORT + " LIMIT 1",
        SHORT.replace("zoo.tree", "tree"),
        SHORT.replace("count(*)", "sum(id)"),
        SHORT[:-1],
    ],
)
def test_other_definitions_stay_different(short):
    # A schema's name is left out by no major, but the words alone can't tell it from a table's; the dependency could not exist.
    assert same(LONG, 15, short, 17) is ("FROM tree t" in short)


def test_two_sources_are_told_apart():
    assert not same("SELECT a.x FROM a, b", 15, "SELECT b.x FROM a, b", 17)


def test_what_is_no_text_is_compared_as_it_is():
    assert same(None, 15, None, 17) and not same(None, 15, "x", 17) and not same(True, 15, False, 17)
