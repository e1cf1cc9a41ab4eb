# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``launch``: stand before a program, then become it.

In the order of a start: the book of failures, its delay, the listening socket, secrets that must be files, the health of
what comes first, a prober that will say *ready*, and `exec`. What only later steps need is imported by them: the end of
the delay must not wait for it.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .failures import GIVE_UP, Book, delay, now
from .notify import barrier, notify, status
from .sockets import as_descriptor_three, given, keep, parse_address

PROBE_PAUSE = 0.1
COMMAND_PAUSE = 1.0
EXTENSION = 30.0

if TYPE_CHECKING:
    from .probe import Seen

    Question = Callable[[], Seen]


def named(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="launch", description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--listen", metavar="HOST:PORT", type=parse_address, help="socket that becomes descriptor 3")
    options.add_argument("--health", metavar="URL", help="ready when it answers; also: celery (a ping), or command (with --health-command)")
    options.add_argument("--health-command", metavar="JSON", type=json.loads, help="a list of words; healthy when it exits with 0")
    options.add_argument("--expect", metavar="JSON", type=json.loads, help="what the health document must have")
    options.add_argument("--in", metavar="DIRECTORY", dest="directories", action="append", default=[], help="work in the first that exists")
    options.add_argument("--after", metavar="NAME=URL", type=named, action="append", default=[], help="wait for its health first")
    options.add_argument("--after-expect", metavar="NAME=JSON", type=named, action="append", default=[])
    options.add_argument("--group", metavar="NAME", default="", help="its migration group")
    options.add_argument("--lent", metavar="JSON", type=json.loads, action="append", default=[], help="a datastore that may be in its container")
    options.add_argument("--passfile", metavar="CREDENTIAL", help="libpq password file, copied because libpq wants mode 0600")
    options.add_argument("--file", metavar="CREDENTIAL", action="append", default=[], help="secret copied into the runtime directory")
    options.add_argument("--unit", metavar="NAME", default="", help="its own name")
    options.add_argument("--stable-after", metavar="SECONDS", type=float, default=600, help="healthy for so long: the row of failures ends")
    options.add_argument("--limit", type=int, default=10, help="failures in a row before giving up with status 78")
    options.add_argument("--longest-delay", metavar="SECONDS", type=float, default=60)
    options.add_argument("--start-timeout", metavar="SECONDS", type=float, default=90)
    options.add_argument("command", nargs="*")
    return options


def say(text: str, priority: int = 6) -> None:
    sys.stderr.write(f"<{priority}>{text}\n")
    sys.stderr.flush()


def pause(seconds: float, doing: str) -> None:
    status(doing, seconds + EXTENSION)
    time.sleep(seconds)


def restart_was_asked(unit: str) -> bool:
    """systemd counts automatic restarts and begins anew with every one that somebody asks for."""
    import subprocess

    words = ["/usr/bin/systemctl", "show", "--property=NRestarts", "--value", unit]
    shown = subprocess.run(words, capture_output=True, text=True, timeout=10, check=False)
    return shown.returncode != 0 or shown.stdout.strip() in ("", "0")


def put_off(book: Book, options: argparse.Namespace) -> bool:
    """Sleep as the failures so far demand; False past the limit. The delay counts from the failure, not from this start."""
    failures = book.open(options.stable_after, lambda: restart_was_asked(options.unit))
    if failures.count >= options.limit:
        say(f"failure {failures.count} of {options.limit}: giving up", 2)
        book.clear()
        return False
    if failures.count:
        number = f"failure {failures.count} of {options.limit}"
        seconds = delay(failures, options.longest_delay)
        say(f"{number}: next start in {seconds:.0f} s", 4)
        left = failures.last + seconds - now()
        if left > 0:
            pause(left, f"start delayed {seconds:.0f} s after {number}")
        book.mark_paused(failures)
        say(f"{number}: delay of {seconds:.0f} s is over")
    return True


def credential(name: str) -> bytes:
    with open(os.path.join(os.environ["CREDENTIALS_DIRECTORY"], name), "rb") as file:
        return file.read()


def as_file(name: str) -> str:
    """A copy of the credential, 0600, in the unit's runtime directory; its path."""
    path = os.path.join(os.environ["RUNTIME_DIRECTORY"].split(":")[0], name)
    if os.path.exists(path):
        os.unlink(path)
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(credential(name))
    return path


def hand_over_secrets(options: argparse.Namespace) -> None:
    if options.passfile:
        os.environ["PGPASSFILE"] = as_file(options.passfile)
    for name in options.file:
        as_file(name)


def use_what_is_lent(options: argparse.Namespace) -> None:
    """Datastores that move with another migration group are where the record of sides says, at each start anew."""
    from . import sides

    record = sides.read(sides.SHOWN) if options.lent else None
    waits = dict(options.after)
    for each in options.lent:
        if sides.is_lent(record, options.group, each["datastore"], each["group"]):
            os.environ.update(each["environment"])
            waits[each["datastore"]] = each["address"]
            say(f"the datastore {each['datastore']} is used in its container, at {each['address']}")
    options.after = list(waits.items())


def wait_for(name: str, url: str, expect: Any) -> None:
    """Ask once a second, for as long as it takes: the unit is *activating* meanwhile and uses up no restart."""
    from . import probe

    said = ""
    while not (seen := probe.ask(url, expect)).healthy:
        if seen.saw != said:
            say(f"waiting for {name}: {seen.saw}")
            said = seen.saw
        pause(1.0, f"waiting for {name}: {seen.saw}")


def question(options: argparse.Namespace) -> tuple[Question, float] | None:
    """How to ask for the program's health, and the pause between two times."""
    import socket

    from . import probe

    if options.health == "celery":
        ping = probe.celery_ping(options.command, socket.gethostname())
        return (lambda: probe.ask_command(ping)), COMMAND_PAUSE
    if options.health_command:
        return (lambda: probe.ask_command(options.health_command)), COMMAND_PAUSE
    if options.health:
        return (lambda: probe.ask(options.health, options.expect)), PROBE_PAUSE
    return None


def say_ready_when_healthy(ask: Question, gap: float, book: Book) -> None:
    """The prober's whole life; with a watchdog in the unit it goes on asking."""
    shown = ""
    while not (seen := ask()).healthy:
        if seen.saw != shown:
            status(f"waiting for health: {seen.saw}")
            shown = seen.saw
        time.sleep(gap)
    book.mark_ready()
    notify(f"READY=1\nSTATUS=healthy: {seen.saw}")
    barrier()
    period = int(os.environ.get("WATCHDOG_USEC", "0")) / 1e6
    while period:
        if ask().healthy:
            notify("WATCHDOG=1")
        time.sleep(period / 3)


def fork_prober(ask: Question, gap: float, book: Book) -> None:
    """Twice, so that the program is not the parent of a process that it never started."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    if os.fork():
        os._exit(0)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.closerange(3, 64)
    try:
        say_ready_when_healthy(ask, gap, book)
    finally:
        os._exit(0)


def become(command: Sequence[str]) -> None:
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"):
        os.environ.pop(name, None)
    for name in (signal.SIGTERM, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(name, signal.SIG_DFL)
    try:
        os.execvp(command[0], list(command))
    except OSError as error:
        raise SystemExit(f"<3>cannot start {command[0]}: {error.strerror}") from error


def main(arguments: Sequence[str]) -> int:
    options = parser().parse_args(arguments)
    book = Book.of(options.unit)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    if not put_off(book, options):
        return GIVE_UP
    if options.listen:
        try:
            as_descriptor_three(keep({"listen": options.listen}, given(os.environ, os.getpid()))["listen"])
        except OSError as error:
            say(str(error), 3)
            return 1
    hand_over_secrets(options)
    use_what_is_lent(options)
    expected = {name: json.loads(text) for name, text in options.after_expect}
    for name, url in options.after:
        wait_for(name, url, expected.get(name))
    if options.directories:
        os.chdir(next(filter(os.path.isdir, options.directories), options.directories[-1]))
    status("starting", options.start_timeout)
    asked = question(options)
    if asked:
        fork_prober(*asked, book)
    else:
        book.mark_ready()
        notify("READY=1")
    become(options.command)
    return 0
