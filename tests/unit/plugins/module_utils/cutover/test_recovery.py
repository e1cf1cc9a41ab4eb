"""What a recovery does while nothing is decided yet: the doors stay held, whatever the disk takes."""

from __future__ import annotations

import errno
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cryptobot.native.plugins.module_utils.cutover import hold
from ansible_collections.cryptobot.native.plugins.module_utils.cutover import recovery as subject
from ansible_collections.cryptobot.native.plugins.module_utils.cutover.coordinator import ABORT
from ansible_collections.cryptobot.native.plugins.module_utils.cutover.intent import Intents
from ansible_collections.cryptobot.native.plugins.module_utils.router.maps import HOLD, Files, hold_key, lease

from .test_intent import INTENT

GROUP = INTENT.held[0]


class Router:
    """Takes holds, and says by which way."""

    doors: tuple[Any, ...] = ()

    def __init__(self) -> None:
        self.held: list[tuple[float, bool, bool]] = []
        self.full = False

    def hold(self, kind: str, until: float, every_method: bool = False, kept: bool = True) -> int:
        if kept and self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.held.append((until, every_method, kept))
        return 1

    def release(self) -> int:
        return 1


class Pair:
    """A database that takes everything."""

    datastore = "orders"

    def __getattr__(self, name: str) -> Any:
        return lambda *__: None


@pytest.fixture
def files(tmp_path: Path) -> Files:
    made = Files(tmp_path)
    made.write_map(HOLD, {hold_key(group, kind): "0" for group in INTENT.held for kind in ("public", "internal")})
    return made


def test_what_a_boot_holds_is_not_cut_short(files: Files) -> None:
    router, later = Router(), time.time() + 600
    files.write_map(HOLD, {hold_key(GROUP, "public"): lease(later, every_method=True)})
    hold.Hold(router, INTENT, files).again()
    assert router.held == [(round(later, 3), True, True)]
    router.held.clear()
    files.write_map(HOLD, {hold_key(GROUP, "public"): lease(time.time())})
    hold.Hold(router, INTENT, files).again()
    ((until, every_method, __),) = router.held
    assert time.time() < until < time.time() + hold.LEASE + 1
    assert not every_method


def test_with_a_full_disk_the_workers_are_told_all_the_same(files: Files) -> None:
    router = Router()
    router.full = True
    files.write_map(HOLD, {hold_key(GROUP, "internal"): lease(time.time() + 1)})
    hold.Hold(router, INTENT, files).again()
    assert [kept for __, __, kept in router.held] == [False]


def test_the_doors_stay_held_until_the_disk_takes_the_decision(files: Files, monkeypatch) -> None:
    router, intents = Router(), Intents(files.directory)
    intents.write(INTENT)
    files.write_map(HOLD, {hold_key(GROUP, "public"): lease(time.time() + 1)})
    monkeypatch.setattr(hold, "RENEW_SECONDS", 0.01)
    monkeypatch.setattr(subject, "made", lambda *__: [Pair()])
    monkeypatch.setattr(subject.coordinator, "decide", lambda *__: ABORT)
    write, refused = intents.write, []

    def full(intent: Any) -> None:
        if len(router.held) < 3:
            refused.append(len(router.held))
            raise OSError(errno.ENOSPC, "No space left on device")
        write(intent)

    monkeypatch.setattr(intents, "write", full)
    assert subject.recover(intents, lambda *__: router, given_up=True) == ABORT
    assert refused
    assert not intents.path.exists()
