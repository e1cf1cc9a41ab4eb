from __future__ import annotations

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.compare.definitions import same

MADE = "CHECK (((side)::text = ANY ((ARRAY['buy'::character varying, 'it''s'::character varying(4)])::text[])))"
RESTORED = "CHECK (((side)::text = ANY (ARRAY[('buy'::character varying)::text, ('it''s'::character varying(4))::text])))"


@pytest.mark.parametrize("majors", [(15, 15), (15, 17), (17, 15)])
def test_a_restored_list_is_the_same(majors: tuple[int, int]) -> None:
    assert same(MADE, majors[0], RESTORED, majors[1])
    assert same(RESTORED, majors[0], RESTORED, majors[1])


@pytest.mark.parametrize(
    "other", [RESTORED.replace("buy", "sell"), RESTORED.replace("side", "size"), RESTORED.replace("(4)", "(5)"), None]
)
def test_another_one_is_not(other: str | None) -> None:
    assert not same(MADE, 15, other, 15)


def test_names_of_single_sources_are_left_out_since_16() -> None:
    assert same("SELECT t.id FROM t", 15, "SELECT id FROM t", 17)
    assert not same("SELECT t.id FROM t", 15, "SELECT id FROM t", 15)
