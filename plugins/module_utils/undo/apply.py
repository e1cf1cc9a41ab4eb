# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carries out the plan of an uninstallation. A phase is written down when it is done; one cut short is done again."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from itertools import groupby
from pathlib import Path

from .. import kernel, tree
from ..packages import wait_for_locks
from ..state import RECORD, StateRecord
from .gather import UndoError, run
from .model import Left, Phase, Plan, Step
from .plan import HOME
from .record import Entry

APT = ("apt-get", "--yes", "--no-auto-remove", "--option=DPkg::Lock::Timeout=60")
CERTIFICATES = "/usr/local/share/ca-certificates/"


def carry_out(plan: Plan, record: StateRecord, lock_timeout: float) -> list[Left]:
    """Phase by phase; returns what turned out to stay.

    Raises :class:`UndoError`; what was undone before stays undone, and the next run goes on from there.
    """
    _note(record, plan.settled)
    left: list[Left] = []
    for phase, steps in groupby(plan.ordered, key=lambda step: step.phase):
        due = list(steps)
        if phase == Phase.PACKAGES:
            wait_for_locks(lock_timeout)
        if phase == Phase.LEFTOVERS:
            left = [Left(step.change.title, f"{step.change.was}: it is not empty") for step in due if _is_filled(step)]
            due = [step for step in due if not _is_filled(step)]
        if phase == Phase.RECORD and left:
            return [*left, Left(f"directory {HOME}", "the record of state, which knows what is left here")]
        DO[phase](due)
        if phase != Phase.RECORD:
            _note(record, [entry for step in due for entry in step.undone])
            _note_kept(record, due)
    return left


def _is_filled(step: Step) -> bool:
    """Whether a directory that goes only when it is empty holds something."""
    path = Path(step.change.target)
    return step.operation == "rmdir" and any(not each.is_dir() or each.is_symlink() for each in path.rglob("*"))


def _note(record: StateRecord, entries: Iterable[Entry]) -> None:
    record.extend(entry.undone for entry in entries)


def _note_kept(record: StateRecord, steps: Iterable[Step]) -> None:
    """A package that left its configuration is not back where it was; the record says how far it is."""
    record.extend(
        (step.change.kind, step.change.target, step.change.was, step.change.is_)
        for step in steps
        if step.operation == "uninstall"
    )


def _targets(steps: Iterable[Step], operation: str = "") -> list[str]:
    return [step.change.target for step in steps if operation in ("", step.operation)]


def _stop(steps: list[Step]) -> None:
    names = _targets(steps)
    run("systemctl", "stop", *names)
    if enabled := [step.change.target for step in steps if step.change.was["enabled"]]:
        run("systemctl", "disable", "--quiet", *enabled)
    run("systemctl", "reset-failed", *names, check=False)


def _databases(steps: list[Step]) -> None:
    for step in steps:
        name = step.change.target.split(" ", 1)[1].replace('"', '""')
        statement = (
            f'DROP DATABASE "{name}" WITH (FORCE)' if step.operation == "drop database" else f'DROP ROLE "{name}"'
        )
        run("runuser", "-u", "postgres", "--", "psql", "--no-psqlrc", "--quiet", f"--command={statement}")


def _files(steps: list[Step]) -> None:
    for step in steps:
        path = Path(step.change.target)
        if step.operation == "unlink":
            path.unlink(missing_ok=True)
        elif step.operation == "link":
            path.unlink(missing_ok=True)
            path.symlink_to(step.change.is_["target"])
        else:
            _write(step)
    paths = _targets(steps)
    # Before the lines of these files are written, so that a run that is killed here does it again.
    if any(path.startswith("/etc/systemd/system/") for path in paths):
        run("systemctl", "daemon-reload")
    if any(path.startswith(CERTIFICATES) for path in paths) and shutil.which("update-ca-certificates"):
        run("update-ca-certificates")


def _write(step: Step) -> None:
    path = Path(step.change.target)
    there = tree.look(str(path))
    was = step.change.is_ if isinstance(step.change.is_, dict) else {}
    mode = int(was["mode"], 8) if "mode" in was else there.mode
    wanted = tree.Found("file", step.content, was.get("owner", there.owner), was.get("group", there.group), mode)
    tree.write(str(path), wanted)


def _directories(steps: list[Step]) -> None:
    for step in steps:
        path = Path(step.change.target)
        if step.operation == "rights":
            owner, mode = step.change.is_.split()
            shutil.chown(path, *owner.split(":"))
            path.chmod(int(mode, 8))
        elif path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _kernel(steps: list[Step]) -> None:
    for step in steps:
        if not kernel.write(step.change.target, str(step.change.is_)):
            raise UndoError(
                f"The kernel refuses {step.change.target} = {step.change.is_}. Set it by sysctl, then run again."
            )


def _restart(steps: list[Step]) -> None:
    for step in steps:
        run("systemctl", step.operation, step.change.target)


def _accounts(steps: list[Step]) -> None:
    for step in sorted(steps, key=lambda each: each.operation == "group"):
        name, was = step.change.target, step.change.is_
        if step.operation == "unhold":
            run("apt-mark", "unhold", name)
        elif step.operation in ("rmdir", "rmtree"):
            if Path(name).is_dir():
                shutil.rmtree(name)
        elif step.operation == "user rights":
            _rights_of(name, step.change.was, was)
        elif run("getent", "passwd" if step.operation == "user" else "group", name, check=False):
            run("userdel" if step.operation == "user" else "groupdel", name)


def _rights_of(name: str, now: Mapping[str, object], was: Mapping[str, object]) -> None:
    if "groups" in was:
        before, after = set(was["groups"]), set(now["groups"])  # type: ignore[call-overload]
        for group in sorted(after - before):
            run("gpasswd", "--delete", name, group, check=False)
        for group in sorted(before - after):
            run("gpasswd", "--add", name, group)
    else:
        run("usermod", "--home", str(was["home"]), "--shell", str(was["shell"]), name)


def _packages(steps: list[Step]) -> None:
    # What a run that was killed has left unfinished.
    run("dpkg", "--configure", "--pending")
    going = {*_targets(steps, "uninstall"), *_targets(steps, "purge")}
    for verb, operation in (("remove", "uninstall"), ("purge", "purge")):
        if not (names := _targets(steps, operation)):
            continue
        said = run(*APT, verb, "--simulate", *names)
        if others := sorted(
            {name.split(":")[0] for name in re.findall(r"^(?:Remv|Purg) (\S+)", said, re.MULTILINE)} - going
        ):
            raise UndoError(
                f"apt would remove {', '.join(others)} as well, which did not come with the platform. No package "
                "was removed. "
                f"See why: apt-get {verb} --simulate {' '.join(names)}"
            )
        run(*APT, verb, *names)


def _masks(steps: list[Step]) -> None:
    run("systemctl", "unmask", "--quiet", *_targets(steps))
    run("systemctl", "daemon-reload")


def _forget(steps: list[Step]) -> None:
    """The record goes after everything that it knows of: a run that is killed here finds it again."""
    del steps
    home = Path(HOME)
    for path in home.iterdir():
        if path.name != RECORD:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    (home / RECORD).unlink(missing_ok=True)
    home.rmdir()


DO: Mapping[Phase, Callable[[list[Step]], None]] = {
    Phase.STOP: _stop,
    Phase.DATABASES: _databases,
    Phase.FILES: _files,
    Phase.DIRECTORIES: _directories,
    Phase.KERNEL: _kernel,
    Phase.RESTART: _restart,
    Phase.ACCOUNTS: _accounts,
    Phase.PACKAGES: _packages,
    Phase.MASKS: _masks,
    Phase.LEFTOVERS: _accounts,
    Phase.RECORD: _forget,
}
