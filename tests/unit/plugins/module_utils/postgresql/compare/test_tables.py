# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.compare.tables import (
    Plan,
    Table,
    gathered,
    plan,
)

TYPES = {"id": "bigint", "name": "text", "at": "timestamp with time zone"}


def table(key: tuple[str, ...] = ("id",), types: dict | None = None, **more) -> Table:
    types = types or TYPES
    return Table("public.t", "r", 1, tuple(types), types, key, **more)


def planned(
    one: Table,
    other: Table | None = None,
    majors=(15, 17),
    encodings=("UTF8", "UTF8"),
    casts=frozenset(),
    limits=(1, 5000),
    between=True,
) -> Plan:
    return plan(one, other or one, majors, encodings, frozenset(casts), lambda column: (*limits, between))


def test_numbers_are_cut_into_ranges_that_an_index_finds():
    found = planned(table())
    assert found.ranges and found.width == 5
    assert "whole_row.id >= '10'::bigint AND whole_row.id <= '19'::bigint" in found.rows([2, 3])
    assert "GROUP BY 1" in found.digests() and "least(" not in found.bucket


def test_numbers_beyond_the_sources_fall_into_its_first_and_last_range():
    assert planned(table(), between=False).bucket == (
        "(least(greatest(whole_row.id::bigint, '1'::bigint), '5000'::bigint) / '5'::bigint)"
    )


def test_a_row_is_hashed_once_and_buckets_are_not_sorted():
    """Without the OFFSET the planner reckons with as many buckets as there are keys, and sorts all rows."""
    for key in (("id",), ("name",), ()):
        assert "OFFSET 0) s GROUP BY 1" in planned(table(key)).digests()


def test_the_first_and_last_range_have_no_end():
    found = planned(table())
    assert "<= '4'::bigint" in found.rows([0]) and ">=" not in found.rows([0]).partition("ORDER")[0]
    assert "<=" not in found.rows([1000])


@pytest.mark.parametrize("limits", [(-(2**63), 2**63 - 1), (-7, 7), (-5000, -1), (0, 0)])
def test_every_number_lies_in_the_range_of_its_bucket(limits):
    low, high = limits
    found = planned(table(), limits=limits)
    for value in {low, high, low + 1 if low < high else low, (low + high) // 2, 0 if low <= 0 <= high else low}:
        bucket = abs(value) // found.width * (1 if value >= 0 else -1)
        condition = (
            found._between([bucket]).replace("whole_row.id", str(value)).replace("::bigint", "").replace("'", "")
        )
        assert eval(
            condition.replace("AND", "and").replace("OR", "or").replace("true", "True")
        )  # numbers and comparisons alone


def test_many_scattered_buckets_become_one_span():
    found = planned(table(), limits=(1, 10**6))
    assert found.rows(list(range(1, 900, 2))).count(">=") == 1


def test_other_keys_are_hashed():
    found = planned(table(("name", "at")))
    assert not found.ranges and "& 1023" in found.bucket and 'COLLATE "C"' in found.rows([1])


def test_without_a_key_a_part_of_the_hash_is_the_bucket():
    found = planned(table(()))
    assert not found.bucket and "OFFSET 0" in found.digests() and "min(place)" in found.rows([1])


def test_a_key_that_the_target_lacks_is_no_key():
    assert planned(table(), table(types={"name": "text"})).table.key == ()
    assert planned(table(), table(types={**TYPES, "id": "text"})).table.key == ()


def test_a_column_that_one_side_lacks_is_left_out_of_the_hash():
    assert "name" not in planned(table(), table(types={"id": "bigint", "at": TYPES["at"]})).hash


def test_columns_of_other_types_are_compared_as_text():
    found = planned(
        table(types={"id": "bigint", "at": TYPES["at"]}),
        table(types={"id": "bigint", "at": "timestamp without time zone"}),
    )
    assert "at::text" in found.hash and "timestamp_hash" not in found.hash


def test_every_column_has_a_seed_of_its_own():
    found = planned(table())
    assert [f", {seed})" in found.hash for seed in (1, 2, 3)] == [True] * 3


def test_casts_that_somebody_made_are_not_used():
    assert (
        "ROW(whole_row.kind)::text"
        in planned(table(types={"id": "bigint", "kind": "zoo.kind"}), casts={"zoo.kind"}).hash
    )


def test_bytes_beyond_ascii_are_printed_as_numbers_between_majors():
    one = table(types={"id": "bigint", "letter": '"char"'})
    assert (
        "letter::integer" in planned(one, majors=(15, 17)).hash
        and "::integer" not in planned(one, majors=(16, 17)).hash
    )


def test_other_encodings_meet_in_utf8():
    assert "convert_to" in planned(table(), encodings=("LATIN1", "UTF8")).hash


def test_no_column_takes_the_rows_name():
    one = table(types={"id": "bigint", "whole_row": "text"})
    assert one.alias == "whole_row_"


def test_per_cent_signs_in_names_are_no_places_for_values():
    found = planned(table(('"%s"',), {'"%s"': "text", "other": "text"}))
    assert found.some().replace("%%", "").count("%s") == 1
    assert '"%%s"' in found.some()


def test_partitions_whose_rows_may_lie_elsewhere_are_taken_together():
    leaves = {
        name: Table(name, "r", 2, ("id",), {"id": "bigint"}, ("id",), ancestors=("mid", "top")) for name in ("a", "b")
    }
    together = gathered(leaves, ["mid"])
    assert list(together) == ["top"] and together["top"].pages == 4 and not together["top"].source.startswith("ONLY")
    assert gathered(leaves, []) == leaves
