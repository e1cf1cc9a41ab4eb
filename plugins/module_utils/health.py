# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is it healthy? Many targets at once, asked with growing pauses until each is or a deadline passed."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from .launcher.probe import Seen, ask_command, ask_http, ask_tcp, celery_ping
from .units.systemd import State, Systemd

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 5.0
AT_ONCE = 32


class TargetError(ValueError):
    """A target that cannot be asked; the text says how to write one."""


@dataclass(frozen=True)
class Target:
    """Exactly one of `url`, `tcp` (host:port), `unit`, `celery` (the worker's command) and `command` says how to ask."""

    name: str
    url: str | None = None
    expect: Any = None
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    tcp: str | None = None
    unit: str | None = None
    celery: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    timeout: float = 3.0


@dataclass
class Answer:
    name: str
    healthy: bool
    saw: str
    attempts: int
    seconds: float


def pauses(first: float = FIRST_PAUSE, longest: float = LONGEST_PAUSE) -> Any:
    """0.2, 0.4, 0.8, … seconds up to 5."""
    pause = first
    while True:
        yield pause
        pause = min(pause * 2, longest)


def judge_unit(state: State) -> Seen:
    """Healthy is a process that runs: one that exited, even with 0, and one that is still starting are not."""
    saw = f"{state.load}, {state.active} ({state.sub})"
    if state.load == "not-found":
        return Seen(False, "there is no such unit")
    if state.active == "active" and state.sub in ("running", "listening", "mounted", "waiting", "active"):
        return Seen(True, saw)
    if state.sub == "exited" or (state.active == "inactive" and state.result == "success"):
        return Seen(False, f"{saw}: its process has ended")
    return Seen(False, f"{saw}, result {state.result}" + (f", {state.status}" if state.status else ""))


def _unit(name: str) -> Seen:
    states = Systemd().states([name])
    return judge_unit(states.get(name, State()))


def asker(target: Target) -> Callable[[], Seen]:
    given = [key for key in ("url", "tcp", "unit", "celery", "command") if getattr(target, key)]
    if len(given) != 1:
        raise TargetError(
            f"{target.name} should have exactly one of url, tcp, unit, celery and command, not {' and '.join(given) or 'none'}; "
            "for example {name: auth, url: http://127.0.0.1:8000/health/ready}"
        )
    if target.url:
        if not target.url.startswith(("http://", "https://")):
            raise TargetError(f"{target.name}: {target.url!r} should begin with http:// or https://; for an open port write tcp: host:port")
        url = target.url
        return lambda: ask_http(url, target.expect, target.status, target.timeout, dict(target.headers))
    if target.tcp:
        host, __, port = target.tcp.rpartition(":")
        if not host or not port.isdigit():
            raise TargetError(f"{target.name}: {target.tcp!r} should be host:port, for example 127.0.0.1:6379")
        return lambda: ask_tcp(host.strip("[]"), int(port), target.timeout)
    if target.unit:
        unit = target.unit
        return lambda: _unit(unit)
    argv = celery_ping(target.celery, socket.gethostname()) if target.celery else list(target.command)
    return lambda: ask_command(argv, max(target.timeout, 10.0), dict(target.environment) or None)


def wait(name: str, ask: Callable[[], Seen], until: float, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep) -> Answer:
    """Ask until it is healthy or `until` (of `clock`) has passed; at least once."""
    began = clock()
    for attempts, pause in enumerate(pauses(), start=1):
        seen = ask()
        left = until - clock()
        if seen.healthy or left <= 0:
            return Answer(name, seen.healthy, seen.saw, attempts, round(clock() - began, 2))
        sleep(min(pause, left))
    raise AssertionError("pauses never end")


def wait_for_all(targets: Sequence[Target], deadline: float) -> list[Answer]:
    """All at once, in the given order; `deadline` in seconds for the whole. Raises TargetError before anything is asked."""
    asks = [(target.name, asker(target)) for target in targets]
    until = time.monotonic() + deadline
    with ThreadPoolExecutor(max_workers=max(1, min(AT_ONCE, len(asks)))) as pool:
        return list(pool.map(lambda one: wait(one[0], one[1], until), asks))


def sentence(answers: Sequence[Answer], deadline: float) -> str:
    """What is wrong, for people."""
    sick = [answer for answer in answers if not answer.healthy]
    lines = [f"{len(sick)} of {len(answers)} targets were not healthy within {deadline:.0f} s:"]
    lines += [f"  {answer.name}: {answer.saw} (asked {answer.attempts} times)" for answer in sick]
    return "\n".join([*lines, "Look at what each one said, then at journalctl --unit of its unit; ask again when it is mended."])
