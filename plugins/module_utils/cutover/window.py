# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The window: traffic, fences and the direction of data change sides as one step, or not at all.

An error is never undone here. The controller leaves its line to the guardian and waits for what that decides.
"""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..migration.journal import now
from ..router.maps import Files, locked
from ..router.traffic import Traffic
from . import guard
from .effects import Effects
from .errors import CutoverError
from .finish import Finish
from .heartbeat import SOCKET, Heartbeat
from .hold import LEASE, Hold
from .intent import Intent, Intents, myself
from .processes import Processes
from .recovery import recover
from .stores import Store, made

MARGIN = 2.0
LOCK_SECONDS = 10.0
VERDICT_SECONDS = 120.0


@dataclass(frozen=True)
class Limits:
    """Seconds: of what is in flight when the doors are held, and of transactions that are older than the closing;
    ``end``: whether those are ended then. ``patience``: of requests from the first hold on, for processes that start."""

    drain: float = 5.0
    grace: float = 3.0
    end: bool = False
    patience: float = 29.0


class Cutover:
    """One window. ``wanted`` lacks what is only known now: its id, the epochs, the process.

    ``traffic`` makes the router's part for some groups; ``adopted`` looks whether all of their traffic comes by it.
    """

    def __init__(
        self,
        wanted: Intent,
        intents: Intents,
        traffic: Callable[[Sequence[str], Callable[[], None]], Traffic],
        adopted: Callable[[Traffic], None],
        workers: Any,
        limits: Limits,
        socket: Path | str = SOCKET,
    ) -> None:
        self.intent = replace(wanted, id=f"{now()[:19].replace(':', '')}-{secrets.token_hex(4)}")
        self._intents, self._make, self._adopted, self._workers = intents, traffic, adopted, workers
        self._limits, self._heartbeat = limits, Heartbeat(socket)
        self.pairs = made(self.intent, self.intent.id, intents.directory)
        self.effects = Effects(self._heartbeat.alive, self._own)
        self.moments: dict[str, float] = {}
        self.cut = 0
        self.sick: list[str] = []

    def guard(self) -> None:
        """Raises CutoverError, RouterError and their like; changes nothing. Sets the window's epochs."""
        if there := self._intents.read():
            raise CutoverError(
                f"The window {there.id} towards {there.target} has not ended: the guardian is at it. See "
                "'journalctl -u cryptobot-cutover-guardian', and try again when it is done."
            )
        self._holding = self._make(self.intent.held, self._own)
        self._moving = self._make(self.intent.groups, self._own)
        alone = self._processes
        seen, epoch = guard.stores(self.pairs, alone.obstacles())
        self._adopted(self._holding)
        standing_by = [door.name for door in self._moving.doors if door.name not in alone.doors]
        guard.backends(self._workers, standing_by, self.intent.target)
        databases = tuple(replace(each, before=seen[each.datastore]) for each in self.intent.databases)
        caches = tuple(replace(each, before=seen[each.datastore]) for each in self.intent.caches)
        self._take(replace(self.intent, epoch=epoch, databases=databases, caches=caches).of(myself()))

    @property
    def _processes(self) -> Processes:
        held = time.monotonic() - self.moments["hold"] if "hold" in self.moments else 0.0
        left = max(0.0, self._limits.patience - held)
        return Processes(self.intent, self._intents.directory, self._moving, patience=left)

    def _own(self) -> None:
        """The edge is this controller's, from the intent on."""
        if "intent" in self.effects.steps:
            self._intents.own(self.intent)

    def _take(self, intent: Intent) -> None:
        self.intent = intent
        stores = {store.datastore: store for store in intent.stores}
        for pair in self.pairs:
            pair.intent, pair.database = intent, stores.get(pair.datastore, pair.database)

    def run(self) -> dict[str, Any]:
        """Guard, and the whole window; its times. Raises CutoverError where it was given up, and says by whom."""
        with locked(self._intents.directory, LOCK_SECONDS):
            self.guard()
            self._heartbeat.begin()
            try:
                self._run()
                return self.result()
            except Exception as error:
                self._heartbeat.give_up()
                failed = error
        for pair in self.pairs:
            pair.forget()
        return self._verdict(failed)

    def _run(self) -> None:
        intent, effect, holding = self.intent, self.effects, self._holding
        effect("intent", lambda: self._intents.write(intent))
        for pair in self.pairs:
            effect(f"prepare:{pair.datastore}", pair.prepare)
            effect(f"arm:{pair.datastore}", pair.arm)
        until = math.floor(time.time()) + LEASE
        self._moment("hold")
        effect("hold:public", lambda: holding.hold("public", until, intent.every_method))
        self._emptied("public")
        effect("hold:internal", lambda: holding.hold("internal", until, intent.every_method))
        self.cut = effect("cut_websockets", lambda: holding.cut_websockets(intent.source))
        self._emptied("internal")
        self._moment("drained")
        if self._processes:
            effect("stop", self._processes.stop)
        _in_time(until, "the closing")
        effect.at_once(self._each("close", lambda pair: pair.close(self._limits.grace, self._limits.end)))
        effect.at_once(self._each("mark", lambda pair: pair.mark()))
        for pair in self.pairs:
            pair.wait_for_mark()
        effect.at_once(self._each("sequences", lambda pair: pair.copy_sequences()))
        for pair in self.pairs:
            pair.check()
        effect.at_once(self._each("point", lambda pair: pair.point()))
        _in_time(until, "the hand-over")
        effect("hand_over", self.pairs[0].hand_over)
        with Hold(holding, intent, Files(self._intents.directory)) as hold:
            finish = Finish(intent, self._intents, self.pairs, holding, self._moving, self._processes, hold)
            self.sick = finish.forward(effect)
        self._moment("released")
        finish.afterwards(effect, {"steps": dict(effect.steps)})
        self._heartbeat.done()

    def _emptied(self, kind: str) -> None:
        """A request is seen to wait at the doors that were held last, and nothing is under way any more."""
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(self._holding.probe, kind)
            self._holding.drain(self.intent.source, self._limits.drain, self.intent.every_method)
            waiting.result()

    def _each(self, name: str, work: Callable[[Store], None]) -> dict[str, Callable[[], None]]:
        return {f"{name}:{pair.datastore}": (lambda pair=pair: work(pair)) for pair in self.pairs}

    def _moment(self, name: str) -> None:
        self.moments[name] = time.monotonic()

    def result(self) -> dict[str, Any]:
        """Seconds by step and of the whole, and how many WebSockets were cut."""
        hold, drained, released = (self.moments[name] for name in ("hold", "drained", "released"))
        return {
            "window": self.intent.id,
            "epoch": self.intent.epoch,
            "steps": self.effects.steps,
            "held": round(released - hold, 4),
            "write_window": round(released - drained, 4),
            "websockets_cut": self.cut,
            "unhealthy": self.sick,
        }

    def _verdict(self, failed: Exception) -> dict[str, Any]:
        """Wait for the guardian's decision; where there is no guardian any more, recover here."""
        until = time.monotonic() + VERDICT_SECONDS
        patience = time.monotonic() + 3.0
        while time.monotonic() < until:
            there = self._intents.read()
            if there is None or there.id != self.intent.id:
                break
            if not there.decided and time.monotonic() > patience:
                recover(self._intents, self._make)
            time.sleep(0.05)
        outcome = self._intents.outcome(self.intent.id)
        there = self._intents.read()
        still = there is not None and there.id == self.intent.id
        how = outcome["how"] if outcome else "still" if still else "nothing had begun"
        text = {
            "finish": f"It was finished by the recovery: {self.intent.target} writes.",
            "abort": f"It was given up: {self.intent.source} writes as before, and nothing is held.",
            "nothing had begun": "Nothing had been changed.",
            "still": "The recovery has not ended yet, and goes on trying: what it waits for, and which side writes, "
            "is in 'journalctl -u cryptobot-cutover-guardian'.",
        }[how]
        raise CutoverError(f"The window {self.intent.id} failed: {failed} {text}") from failed


def _in_time(until: float, what: str) -> None:
    """Requests that the lease lets go must not meet a closed side."""
    if (left := until - time.time()) < MARGIN:
        raise CutoverError(f"Of the hold's {LEASE:g} s only {left:.1f} s are left before {what}: that took too long.")
