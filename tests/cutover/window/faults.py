"""One window with one thing that goes wrong in it. Nothing here ever calls the recovery."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import lab
import stage as stages
from judge import Verdict, judged

TURN, PIVOT = "before:hand_over", "after:hand_over"
EITHER = "either"
REACHED_SECONDS, ENDED_SECONDS = 90.0, 60.0
CLEAN_TRIES = 3
_DECIDED = re.compile(r"The window \S+: (finish|abort), ([\d.]+) s after it was left")
UNDECIDED = ("before:intent",)
"""Points at which a window has left nothing to decide."""


@dataclass
class Outcome:
    """``decided``: seconds from the fault to the decision, which is ``how``. ``controller``: what the module said."""

    verdict: Verdict
    how: str = ""
    decided: float | None = None
    controller: str = ""

    @property
    def wrong(self) -> list[str]:
        return self.verdict.wrong


class Faults:
    """``order``: the points of a window, as a clean one passes them."""

    def __init__(self, stage: stages.Stage, order: list[str]) -> None:
        self.stage, self._order = stage, order

    def home(self, side: str) -> None:
        """Let ``side`` write, by a clean window where another one does."""
        while self.stage.writer() != side:
            clean(self.stage)

    def expected(self, point: str) -> str:
        if point in UNDECIDED or point == "after:clear_intent":
            return ""
        return "finish" if self._order.index(point) >= self._order.index(PIVOT) else "abort"

    # What goes wrong

    def killed(self, point: str) -> Outcome:
        """The controller dies there."""
        return self._run(point, f"kill {point}\n", lambda process: None)

    def stopped(self, point: str) -> Outcome:
        """It stops there, and goes on when all is decided, if it is still there."""
        return self._run(point, f"stop {point}\n", self._woken)

    def late(self, point: str) -> Outcome:
        """The same, where the recovery can't end it (guardian: `late_guardian`): it wakes and is refused."""
        return self.stopped(point)

    def at_the_moment(self, point: str) -> Outcome:
        """The same, and it wakes at the very moment when it is decided."""

        def meanwhile(process: subprocess.Popen) -> None:
            self.reached_in_recovery("before:recovery:decide")
            process.send_signal(signal.SIGCONT)

        return self._run(point, f"stop {point}\n", meanwhile)

    def past(self, point: str) -> Outcome:
        """The same, and it wakes only after another whole window, which it does not keep away by its lock."""

        def meanwhile(process: subprocess.Popen) -> None:
            until = time.time() + ENDED_SECONDS
            while self.stage.intents.path.exists() and time.time() < until:
                time.sleep(0.02)
            clean(self.stage)
            process.send_signal(signal.SIGCONT)

        return self._run(point, f"stop {point}\n", meanwhile, hollow="lock", turns=True)

    def recovery_killed(self, point: str, recovery: str) -> Outcome:
        """The controller dies, and the recovery does before one of its own effects."""
        return self._run(point, f"kill {point}\nkill {recovery}\n", lambda process: None, reached=recovery)

    def guardian_killed(self, point: str, both: bool) -> Outcome:
        """The guardian dies, alone or with the controller."""

        def meanwhile(process: subprocess.Popen) -> None:
            assert self.stage.guardian
            self.stage.guardian.process.kill()
            if both:
                process.kill()
            self.let_go()

        # The effect itself may still be done: the next one finds the line broken.
        return self._run(point, f"hold {point}\n", meanwhile, wanted=EITHER)

    def router_reloaded(self, point: str) -> Outcome:
        def meanwhile(process: subprocess.Popen) -> None:
            assert self.stage.haproxy
            self.stage.haproxy.send_signal(signal.SIGUSR2)
            time.sleep(0.3)
            self.let_go()

        outcome = self._run(point, f"hold {point}\n", meanwhile, decides=False)
        self.one_worker()
        return outcome

    def router_killed(self, point: str) -> Outcome:
        """With all that it holds, which fails; its sockets stay, so that nobody is refused."""

        def meanwhile(process: subprocess.Popen) -> None:
            assert self.stage.haproxy
            pid = self.stage.haproxy.pid
            for each in [pid, *children(pid)]:
                with suppress(ProcessLookupError):
                    os.kill(each, signal.SIGKILL)
            self.stage.haproxy.wait()
            time.sleep(0.2)
            self.stage.start_haproxy()
            time.sleep(0.3)
            self.let_go()

        outcome = self._run(point, f"hold {point}\n", meanwhile, decides=False, may_fail=True)
        refused = sum("ConnectionRefused" in each.said for each in outcome.verdict.failed)
        outcome.wrong.extend([f"{refused} requests were refused"] if refused else [])
        return outcome

    def source_killed(self, point: str) -> Outcome:
        """The source's server dies, and is back after a moment; what it served fails."""
        return self._server_killed(point, self.stage.writer() or "", may_fail=True)

    def target_killed(self, point: str) -> Outcome:
        """The target's. It serves nothing yet; what it will serve may meet connections from before."""
        serves = self._order.index(point) >= self._order.index(TURN)
        return self._server_killed(point, stages.other(self.stage.writer() or ""), may_fail=serves)

    def _server_killed(self, point: str, side: str, may_fail: bool) -> Outcome:
        def meanwhile(process: subprocess.Popen) -> None:
            lab.crash(self.stage.servers[side])
            self.let_go()

        return self._run(point, f"hold {point}\n", meanwhile, decides=False, may_fail=may_fail)

    def cache_killed(self, point: str, end: str) -> Outcome:
        """A Redis dies, and starts again with its own command line; what it served fails."""
        writer = self.stage.writer() or ""
        side = writer if end == "source" else stages.other(writer)
        serves = end == "source" or self._order.index(point) >= self._order.index(TURN)

        def meanwhile(process: subprocess.Popen) -> None:
            assert self.stage.caches
            self.stage.caches.kill(side)
            self.let_go()

        return self._run(point, f"hold {point}\n", meanwhile, decides=False, may_fail=serves)

    # How

    def _run(
        self,
        point: str,
        lines: str,
        meanwhile: Callable[[subprocess.Popen], None],
        reached: str = "",
        decides: bool = True,
        may_fail: bool = False,
        wanted: str = "",
        hollow: str = "",
        turns: bool = False,
    ) -> Outcome:
        """``turns``: whether another whole window has gone on meanwhile."""
        stage, began = self.stage, time.time()
        side = stage.writer()
        if side is None:
            raise RuntimeError("There is no single open side to begin with.")
        process = stage.begin(stages.other(side), lines, hollow)
        at = self.reached(process, reached or point)
        meanwhile(process)
        how, decided = self._ended(at, point, process, decides)
        said = stages.result(process)
        verdict = judged(stage, began, may_fail)
        outcome = Outcome(verdict, how, decided, str(said.get("msg", "killed" if said.get("killed") else "done")))
        wanted = wanted or self.expected(point)
        if decides and how != wanted and not (wanted == EITHER and how):
            verdict.wrong.append(f"it was decided to {how or 'nothing'} and not to {wanted or 'nothing'}")
        if how and stage.writer() != (stages.other(side) if (how == "finish") != turns else side):
            verdict.wrong.append(f"{stage.writer()} writes after {how} from {side}")
        return outcome

    def reached(self, process: subprocess.Popen, point: str) -> float:
        until = time.time() + REACHED_SECONDS
        while time.time() < until:
            if any(line.endswith(f" {point}") and not line.startswith("at ") and line.split()[0] in WAS
                   for line in self.stage.points()):  # fmt: skip
                return time.time()
            if process.poll() is not None and not point.startswith(("before:recovery", "after:recovery")):
                if process.returncode == -signal.SIGKILL:
                    return time.time()
                raise RuntimeError(f"{point} was not reached: {stages.result(process)}")
            time.sleep(0.01)
        process.kill()
        raise RuntimeError(f"{point} was not reached within {REACHED_SECONDS} s.")

    def reached_in_recovery(self, point: str) -> None:
        until = time.time() + REACHED_SECONDS
        while f"at {point}" not in self.stage.points():
            if time.time() > until:
                raise RuntimeError(f"{point} was not reached within {REACHED_SECONDS} s.")
            time.sleep(0.001)

    def _ended(self, at: float, point: str, process: subprocess.Popen, decides: bool) -> tuple[str, float | None]:
        """Wait until nothing is under way any more; the decision, where there was one."""
        until = time.time() + ENDED_SECONDS
        stopped = process.poll() is None and not decides
        while time.time() < until:
            gone = process.poll() is not None or not stopped
            if gone and self.stage.intents.read() is None and (decides or process.poll() is not None):
                break
            time.sleep(0.02)
        assert self.stage.guardian
        for moment, text in self.stage.guardian.said:
            if moment >= at - 0.5 and (found := _DECIDED.search(text)):
                return found[1], round(moment - at, 2)
        return "", None

    def _woken(self, process: subprocess.Popen) -> None:
        intents, until = self.stage.intents, time.time() + ENDED_SECONDS
        while time.time() < until and intents.path.exists():
            time.sleep(0.02)
        time.sleep(0.3)
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGCONT)

    def let_go(self) -> None:
        with suppress(FileNotFoundError):
            lines = [line for line in self.stage.points() if not line.startswith("held ")]
            self.stage.faults.write_text("".join(f"{line}\n" for line in lines))

    def one_worker(self) -> None:
        """Until the workers of before a reload are gone."""
        assert self.stage.haproxy
        until = time.monotonic() + 60
        while time.monotonic() < until:
            if len(children(self.stage.haproxy.pid)) == 1:
                return
            time.sleep(0.2)


WAS = ("killed", "stopped", "held")


def points(stage: stages.Stage) -> list[str]:
    """The points of a window in their order, from a clean one."""
    clean(stage)
    return reached(stage, "")


def clean(stage: stages.Stage) -> None:
    """A whole window. One whose controller the machine did not let run for 0.8 s, the guardian ends: again then."""
    for __ in range(CLEAN_TRIES):
        said = stage.switch(stages.other(stage.writer() or ""))
        if not said.get("failed"):
            return
        until = time.time() + ENDED_SECONDS
        while stage.intents.path.exists() and time.time() < until:
            time.sleep(0.05)
        if not said.get("killed"):
            break
    raise RuntimeError(f"A clean window failed: {said['msg'] or 'its controller was killed'}")


def reached(stage: stages.Stage, prefix: str) -> list[str]:
    """Points that were passed, the recovery's with ``prefix`` recovery."""
    found = [line.removeprefix("at ") for line in stage.points() if line.startswith("at ")]
    points = [point for point in found if point.startswith(("before:", "after:"))]
    return list(dict.fromkeys(point for point in points if (":recovery:" in point) == bool(prefix)))


def children(pid: int) -> list[int]:
    words = ["ps", "-o", "pid=", "--ppid", str(pid)]
    return [int(each) for each in subprocess.run(words, capture_output=True, text=True, check=False).stdout.split()]
