# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls of the modules for files and SQLite: options in, results out."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..docker.engine import DockerError
from ..migration.compared import failure
from ..migration.journal import EVIDENCE, Journal
from ..migration.lock import Lock, LockHeld
from ..sqlite.database import SqliteError
from . import rename
from .compare import Comparison, Wish
from .ownership import Ownership
from .place import FilesError, Place
from .transfer import Task, Transfer

ARGUMENTS: dict[str, Any] = {
    "run": {"type": "str", "required": True},
    "datastore": {"type": "str", "required": True},
    "directory": {"type": "path", "default": "/var/lib/cryptobot-migration"},
    "source": {"type": "dict", "required": True},
    "target": {"type": "dict", "required": True},
    "ownership": {"type": "dict", "default": {}},
    "reverse": {"type": "bool", "default": False},
    "sqlite": {"type": "bool", "default": True},
}
TRANSFER: dict[str, Any] = {
    **ARGUMENTS,
    "accept": {"type": "list", "elements": "str", "default": []},
    "replace": {"type": "bool", "default": False},
    "state": {"type": "str", "choices": ["copied", "refreshed", "active", "absent"], "default": "copied"},
}
COMPARE: dict[str, Any] = {
    **ARGUMENTS,
    "incoming": {"type": "bool", "default": False},
    "show_values": {"type": "bool", "default": False},
    "most": {"type": "int", "default": 1000},
    "fail": {"type": "bool", "default": True},
}


def run_transfer(module: Any) -> None:
    """Ends the module with what came of its transfer, or of its plan in check mode."""
    module.exit_json(**_answer(module, transfer))


def run_compare(module: Any) -> None:
    """Ends the module with what was compared; differences are a failure unless told otherwise."""
    result = _answer(module, compare)
    if module.params["fail"] and (message := failure(module.params["datastore"], result)):
        module.fail_json(msg=message, **result)
    module.exit_json(**result)


def _answer(module: Any, work: Callable[[Mapping[str, Any], bool], dict[str, Any]]) -> dict[str, Any]:
    try:
        return work(module.params, module.check_mode)
    except (FilesError, SqliteError, DockerError, LockHeld) as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        named = error.filename or module.params["datastore"]
        module.fail_json(msg=f"{named}: {error.strerror or error}. Nothing was put into place.")
    raise AssertionError("fail_json has ended the module")


def task(options: Mapping[str, Any], check: bool = False) -> Task:
    """What the options of any of the modules ask for. ``check``: only to plan it."""
    return Task(
        options["run"],
        options["datastore"],
        Place.from_options(options["source"]),
        Place.from_options(options["target"]),
        Ownership.from_options(options["ownership"], foreseen=check),
        options["reverse"],
        options.get("replace", False),
        options["sqlite"],
        options.get("file") or "",
        accept=tuple(options.get("accept") or ()),
    )


def transfer(options: Mapping[str, Any], check: bool) -> dict[str, Any]:
    """Does what the state asks for; in check mode says what that is."""
    wanted = task(options, check)
    at_work = Transfer(wanted, Journal(options["directory"]))
    if options["state"] == "absent" and check:
        return {"changed": at_work.absent(check=True)}
    if check:
        return {"changed": True, **at_work.plan().as_dict()}
    with Lock(options["directory"]).held(f"{wanted.kind}_transfer {options['state']} {wanted.datastore}"):
        if options["state"] == "absent":
            return {"changed": at_work.absent()}
        changed, found = at_work.active() if options["state"] == "active" else at_work.copied()
        if options["state"] == "refreshed" and not changed:
            planned = at_work.refresh()
            # So the disk has little left to take when requests wait for it.
            rename.whole(wanted.target.incoming)
            changed, found = True, {**found, "files": planned.scanned.files, "bytes": planned.scanned.bytes}
    return {"changed": changed, **found}


def compare(options: Mapping[str, Any], check: bool) -> dict[str, Any]:
    """Compares; result and manifest are kept as evidence, but in check mode."""
    wanted = task(options)
    wish = Wish(
        wanted.target.incoming if options["incoming"] else wanted.target.path, options["show_values"], options["most"]
    )
    journal, name = Journal(options["directory"]), f"verify:{wanted.kind}:{wanted.datastore}"
    if check:
        return {"changed": False, **Comparison(wanted, wish).run().as_dict(), "evidence": ""}
    with journal.step(wanted.run, name, {"reverse": wanted.reverse}) as step:
        found = _with_manifest(wanted, wish, journal.directory / EVIDENCE / wanted.run, name)
        kept = journal.keep(wanted.run, name, found)
        step.evidence = {
            "equal": found["equal"],
            "differences": len(found["differences"]) + found["unnamed"],
            **{key: found[key] for key in ("files", "bytes", "rows", "manifest", "seconds")},
            "file": kept,
        }
    return {"changed": False, **found, "evidence": kept}


def _with_manifest(wanted: Task, wish: Wish, folder: Path, name: str) -> dict[str, Any]:
    """Compares, and leaves what was read of each file beside the evidence."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=folder, delete=False, encoding="utf-8") as manifest:
        try:
            found = Comparison(wanted, wish, manifest).run().as_dict()
        except BaseException:
            Path(manifest.name).unlink()
            raise
    Path(manifest.name).replace(folder / (re.sub(r"[^A-Za-z0-9._-]", "_", name) + ".manifest.jsonl"))
    return found
