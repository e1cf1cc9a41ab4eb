# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``edge``: stand before HAProxy, so that its listening sockets outlive restarts, reloads and crashes.

HAProxy is executed with this program's path as ``argv[0]``. At a reload its master executes ``argv[0]`` again, so that
this program sees every reload first: it reads the list of ports again, opens new ones, closes what nobody wants, and
becomes HAProxy once more, in the same process with the same children.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence

from .failures import GIVE_UP, Book
from .haproxy import ask
from .process import named, put_off, say
from .sockets import ListenError, given, keep, read_listen

LIST, PROGRAM, KEPT, VARIABLES = "EDGE_LIST", "EDGE_PROGRAM", "EDGE_SOCKETS", "EDGE_ENVIRONMENT"
"""Variables that carry paths (of the list, of HAProxy, of a file of variables) and open sockets over HAProxy's own re-execution."""
LOCK_SECONDS = 30.0


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="edge", description=(__doc__ or "").partition("\n")[0])
    act = options.add_mutually_exclusive_group()
    act.add_argument("--check", action="store_true", help="run the command with sockets that listen nowhere")
    act.add_argument("--reload", metavar="MASTER_SOCKET", help="check, then come back when a new worker serves")
    act.add_argument("--drain", metavar="SECONDS", type=float, help="stop softly (ExecStop)")
    options.add_argument("--state", metavar="ADMIN_SOCKET=FILE", type=named, help="where the servers' states are kept over a reload")
    options.add_argument("--listen", metavar="FILE", help="lines of NAME=HOST:PORT; each becomes fd@${NAME} in the configuration")
    options.add_argument("--environment", metavar="FILE", default="", help="lines of NAME=VALUE for the configuration, read again at each reload")
    options.add_argument("--lock", metavar="FILE", default="", help="what a reload waits for, so that it does not meet a change of the maps")
    options.add_argument("--unit", metavar="NAME", default="", help="its own name")
    options.add_argument("--stable-after", metavar="SECONDS", type=float, default=300)
    options.add_argument("--limit", type=int, default=20)
    options.add_argument("--longest-delay", metavar="SECONDS", type=float, default=2)
    options.add_argument("command", nargs="*")
    return options


def carried(environment: Mapping[str, str]) -> list[tuple[str, int]]:
    return [(name, int(number)) for name, __, number in (word.partition("=") for word in environment.get(KEPT, "").split())]


def listen(path: str) -> None:
    """Every listed address has its socket, and the environment names each descriptor for ``bind fd@${NAME}``."""
    have = carried(os.environ) if KEPT in os.environ else given(os.environ, os.getpid())
    for name, __ in have:
        os.environ.pop(name.upper(), None)
    try:
        kept = keep(read_listen(path), have)
    except ListenError as error:
        say(str(error), 3)
        kept = error.kept
    for name, descriptor in kept.items():
        os.set_inheritable(descriptor, True)
        os.environ[name.upper()] = str(descriptor)
    os.environ[KEPT] = " ".join(f"{name}={descriptor}" for name, descriptor in kept.items())
    for name in ("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"):
        os.environ.pop(name, None)


def variables(path: str) -> None:
    """What the configuration takes from the environment beside its sockets. Without the file its own defaults hold."""
    if not path:
        return
    os.environ[VARIABLES] = path
    try:
        with open(path, encoding="utf-8") as file:
            pairs = [line.strip().partition("=") for line in file if "=" in line]
    except OSError as error:
        say(f"{path} cannot be read: {error}", 3)
        return
    os.environ.update({name: value for name, __, value in pairs})


def lock(path: str, limit: float = LOCK_SECONDS) -> int | None:
    """The open and locked file; None where it is not free in time. The process's end gives it back."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        say(f"{path} cannot be locked: {error}", 4)
        return -1
    until = time.monotonic() + limit
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except OSError:
            if time.monotonic() > until:
                os.close(descriptor)
                return None
        time.sleep(0.05)


def become(program: str, arguments: Sequence[str]) -> None:
    for name in (signal.SIGTERM, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(name, signal.SIG_DFL)
    os.environ[PROGRAM] = program
    os.execv(program, [os.path.abspath(sys.argv[0]), *arguments])


def check(path: str, command: Sequence[str], environment: str = "") -> int:
    """Plain ``haproxy -c`` would fail on ``fd@`` or, worse, bind; these sockets are only for reading the configuration."""
    if environment and not os.path.exists(environment):
        say(f"{environment} is not there yet, nor are the maps that the configuration reads: it was not checked")
        return 0
    variables(environment)
    dummies = [(name, socket.socket()) for name in read_listen(path)]
    for name, dummy in dummies:
        os.set_inheritable(dummy.fileno(), True)
        os.environ[name.upper()] = str(dummy.fileno())
    if not shutil.which(command[0]):
        say(f"{command[0]} is not installed: its configuration was not checked")
        return 0
    return subprocess.run(list(command), close_fds=False, check=False).returncode


def save_states(admin_socket: str, file: str) -> None:
    """A new worker takes every server for up, and none as draining, unless this file says otherwise."""
    try:
        states = ask(admin_socket, "show servers state")
    except OSError as error:
        say(f"the servers' states cannot be asked: {error}", 4)
        return
    with open(file + ".new", "w", encoding="ascii") as new:
        new.write(states)
    os.replace(file + ".new", file)


def workers(shown: str) -> set[int]:
    """Process ids of the workers in charge, from the master's ``show proc``."""
    if "# workers" not in shown:
        raise OSError("the master is executing itself again")
    current = shown.partition("# workers")[2].partition("# old workers")[0]
    return {int(line.split()[0]) for line in current.splitlines() if line[:1].isdigit()}


def workers_now(path: str, until: float) -> set[int]:
    """The master re-executes itself just after its start, too: its socket is retried."""
    while True:
        try:
            return workers(ask(path, "show proc"))
        except OSError:
            if time.monotonic() > until:
                raise
        time.sleep(0.05)


def reload(path: str, limit: float = 20.0) -> int:
    """Not 0 when the old configuration still serves: the signal alone leaves a unit *active* whatever happens."""
    until = time.monotonic() + limit
    before = workers_now(path, until)
    os.kill(int(os.environ["MAINPID"]), signal.SIGUSR2)
    while time.monotonic() < until:
        time.sleep(0.05)
        current = workers_now(path, until)
        if current and not current & before:
            return 0
    say(f"no new worker within {limit:.0f} s: the old configuration still serves", 3)
    return 1


def drain(seconds: float) -> None:
    """Soft stop, for at most so long; then systemd's signal ends the idle connections that are left."""
    try:
        pid = int(os.environ.get("MAINPID", "0"))
        os.kill(pid, signal.SIGUSR1)
        ended_master = os.pidfd_open(pid)
    except OSError:
        return
    select.select([ended_master], [], [], seconds)


def again(arguments: Sequence[str]) -> None:
    """HAProxy executes itself again: whatever goes wrong here, HAProxy must come back, or its workers die with it."""
    variables(os.environ.get(VARIABLES, ""))
    try:
        listen(os.environ[LIST])
    except Exception as error:  # the old sockets are still open, and HAProxy refuses what it cannot bind
        say(f"cannot read the list of ports: {error}", 3)
    become(os.environ[PROGRAM], arguments)


def main(arguments: Sequence[str]) -> int:
    if "HAPROXY_MWORKER_REEXEC" in os.environ and LIST in os.environ:
        again(arguments)
    options = parser().parse_args(arguments)
    if options.check:
        return check(options.listen, options.command, options.environment)
    if options.reload and options.lock and lock(options.lock) is None:
        say(f"{options.lock} is not free within {LOCK_SECONDS:.0f} s: not reloaded while the maps are changed", 3)
        return 1
    if options.state and (options.drain is not None or options.reload):
        save_states(*options.state)
    if options.drain is not None:
        drain(options.drain)
        return 0
    if options.reload:
        return check(options.listen, options.command, options.environment) or reload(options.reload)
    book = Book.of(options.unit)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    if not put_off(book, options):
        return GIVE_UP
    os.environ[LIST] = options.listen
    variables(options.environment)
    listen(options.listen)
    become(options.command[0], options.command[1:])
    return 0
