"""What must hold after every window, however it ended; everything that does not, in words."""

from __future__ import annotations

import re
import time
from collections import Counter
from dataclasses import dataclass, field

import stage as stages
from ansible_collections.cryptobot.native.plugins.module_utils.cutover.intent import Intents
from ansible_collections.cryptobot.native.plugins.module_utils.launcher.sides import read
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.follow import publisher

CATCH_UP = 30.0
SETTLED = 0.3
AGAIN_SECONDS = 10.0
"""Until a write must have been acknowledged again."""
_SLOTS = "SELECT slot_name FROM pg_replication_slots WHERE database = current_database()"
_SUBSCRIPTIONS = """SELECT subname, subenabled FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid
WHERE d.datname = current_database()"""


@dataclass
class Verdict:
    """``gap``: the longest time between two acknowledged writes; ``longest``: the slowest of them. Seconds.
    ``lost``, ``doubled``: rows of any table of either side."""

    wrong: list[str] = field(default_factory=list)
    acknowledged: int = 0
    failed: list[stages.Request] = field(default_factory=list)
    gap: float = 0.0
    longest: float = 0.0
    lost: int = 0
    doubled: int = 0

    def reasons(self) -> str:
        said = Counter(re.sub(r"[0-9-]{5,}", "#", f"{each.status} {each.said}")[:120] for each in self.failed)
        return "; ".join(f"{count} × {text}" for text, count in said.most_common(3))


def judged(stage: stages.Stage, since: float, may_fail: bool = False) -> Verdict:
    """Rows against acknowledgements on both sides, and that one side has everything and the other nothing."""
    found = Verdict()
    side = stage.writer()
    if side is None:
        found.wrong.append("there is no single open side")
        return found
    answers, again = _answers(stage, since)
    writes = [each for each in answers if each.write and each.status == 200]
    found.acknowledged, found.failed = len(writes), [each for each in answers if each.status != 200]
    ends = sorted(each.end for each in writes)
    found.gap = max((after - before for before, after in zip(ends, ends[1:], strict=False)), default=0.0)
    found.longest = max((each.seconds for each in writes), default=0.0)
    if not again:
        found.wrong.append("no write was acknowledged lately")
    if found.failed and not may_fail:
        found.wrong.append(f"{len(found.failed)} requests failed: {found.reasons()}")
    _rows(found, stage, side, {each.row for each in writes}, since)
    found.wrong += _one_side(stage, side)
    if stage.caches:
        found.wrong += stage.caches.wrong(side)
    if stage.workers:
        found.wrong += stage.workers.wrong(side)
    found.wrong += [f"both sides of {name} were open" for at, name in stage.both_open if at >= since][:1]
    assert stage.guardian
    found.wrong += dict.fromkeys(text for at, text in stage.guardian.said if at >= since and "ALARM" in text)
    return found


def _answers(stage: stages.Stage, since: float) -> tuple[list[stages.Request], bool]:
    """What clients were told, and whether one was acknowledged a write just now."""
    patience = time.monotonic() + AGAIN_SECONDS
    while True:
        time.sleep(SETTLED)
        until = time.time()
        answers = stage.requests(since, until)
        again = any(each.write and each.status == 200 and each.end > until - 2 * SETTLED for each in answers)
        if again or time.monotonic() > patience:
            return answers, again


def _rows(found: Verdict, stage: stages.Stage, side: str, acknowledged: set[str], since: float) -> None:
    """Each acknowledged row exactly once, at once on the writer and soon on the other side, but for files."""
    for each in (side, stages.other(side)):
        limit = time.monotonic() + (0 if each == side else CATCH_UP)
        while True:
            there = {**stage.rows(each, since - 30), **_elsewhere(stage, each, each == side)}
            lost = {table: len(acknowledged - set(ids)) for table, ids in there.items() if acknowledged - set(ids)}
            if not lost or time.monotonic() > limit:
                break
            time.sleep(0.1)
        doubled = {table: number for table, ids in there.items() if (number := sum(n > 1 for n in ids.values()))}
        name = f"{each}, which writes" if each == side else f"{each}, which follows"
        found.lost, found.doubled = found.lost + sum(lost.values()), found.doubled + sum(doubled.values())
        found.wrong += [f"LOST on {name}: {lost}"] if lost else []
        found.wrong += [f"DOUBLED on {name}: {doubled}"] if doubled else []


def _elsewhere(stage: stages.Stage, side: str, writes: bool) -> dict[str, dict[str, int]]:
    """The same of Redis, and of files, which nothing follows. An old Redis behind its wall shows nothing."""
    found: dict[str, dict[str, int]] = {}
    if stage.caches and ((rows := stage.caches.rows(side)) is not None or writes):
        found["redis"] = rows or {}
    if stage.workers and writes:
        found.update({name: dict(Counter(ids)) for name, ids in stage.workers.rows(side).items()})
    return found


def _one_side(stage: stages.Stage, side: str) -> list[str]:
    """Router, record, slots and subscriptions all say the same, and nothing of a window is left."""
    wrong, away = [], stages.other(side)
    if stage.led() != side:
        wrong.append(f"the router leads to {stage.led()}, and {side} writes")
    if stage.held():
        wrong.append("requests are still held")
    if Intents(stage.state).read():
        wrong.append("the intent is still there")
    record = read(stage.sides)
    said = {record.writer(name) or "docker" for name in stage.setup.stores} if record else {"docker"}
    if said != {side}:
        wrong.append(f"the record of sides says {', '.join(sorted(said))}")
    for name in stage.datastores:
        slot = publisher.name_of(name, away)
        slots = {each: [row[0] for row in stage.place(each, name).sql(_SLOTS)] for each in stages.SIDES}
        if slots != {side: [slot], away: []}:
            wrong.append(f"the slots of {name} are {slots}")
        subscriptions = {each: stage.place(each, name).sql(_SUBSCRIPTIONS) for each in stages.SIDES}
        if subscriptions != {side: [], away: [(slot, True)]}:
            wrong.append(f"the subscriptions of {name} are {subscriptions}")
    return wrong
