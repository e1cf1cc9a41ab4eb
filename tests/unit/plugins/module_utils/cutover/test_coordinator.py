"""What the row of the coordinator means: one answer for everything, whoever reads it and however often."""

from __future__ import annotations

import pytest

from ansible_collections.cryptobot.native.plugins.module_utils.cutover import coordinator
from ansible_collections.cryptobot.native.plugins.module_utils.cutover.errors import Stale
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.fence.errors import NotOurs
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.fence.row import Row

EPOCH = 7


@pytest.mark.parametrize(
    ("state", "epoch", "wanted"),
    [
        ("handed_over", 7, "finish"),
        ("open", 8, "abort"),
        ("closed", 7, "take"),
        ("open", 6, "take"),
        ("open", 1, "take"),
        ("open", 7, "stale"),
        ("open", 9, "stale"),
        ("closed", 6, "stale"),
        ("closed", 8, "stale"),
        ("handed_over", 6, "stale"),
        ("handed_over", 8, "stale"),
    ],
)
def test_decision(state: str, epoch: int, wanted: str) -> None:
    assert coordinator.decision(Row(state, epoch), EPOCH) == wanted


class Fence:
    """Rows as they are read one after the other; what `reopen` does to them."""

    def __init__(self, *rows: Row, taken: bool = True) -> None:
        self.rows, self.taken, self.reopened = list(rows), taken, 0

    def row(self) -> Row:
        return self.rows.pop(0)

    def reopen(self, epoch: int) -> None:
        assert epoch == EPOCH
        self.reopened += 1
        if not self.taken:
            raise NotOurs("somebody was faster")


def test_what_is_decided_is_not_touched() -> None:
    for row, wanted in ((Row("handed_over", 7), "finish"), (Row("open", 8), "abort")):
        fence = Fence(row)
        assert coordinator.decide(fence, EPOCH) == wanted and not fence.reopened


@pytest.mark.parametrize("row", [Row("closed", 7), Row("open", 6)])
def test_what_is_not_is_taken(row: Row) -> None:
    fence = Fence(row)
    assert coordinator.decide(fence, EPOCH) == "abort" and fence.reopened == 1


def test_a_hand_over_in_between_wins() -> None:
    fence = Fence(Row("closed", 7), Row("handed_over", 7), taken=False)
    assert coordinator.decide(fence, EPOCH) == "finish"


def test_another_window_s_row_is_left_alone() -> None:
    fence = Fence(Row("open", 12))
    with pytest.raises(Stale, match=r"open at epoch 12, .* of epoch 7 can't have left.*: rm /var/lib/cryptobot-router/intent.json"):
        coordinator.decide(fence, EPOCH)
    assert not fence.reopened
