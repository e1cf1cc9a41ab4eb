# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files: put back or removed where they are as we left them; what others have changed since is never overwritten."""

from __future__ import annotations

import re
from typing import Any

from ..tree import Found
from .model import Host, Phase, Plan
from .record import Entry

BLOCK = re.compile(rb"^# BEGIN cryptobot: ([^\n]*)\n.*?^# END cryptobot: \1\n", re.MULTILINE | re.DOTALL)


def without_blocks(content: bytes) -> bytes:
    """A file of someone else's without the parts that we manage."""
    return BLOCK.sub(b"", content)


def plan_file(plan: Plan, entry: Entry, host: Host) -> None:
    """Adds the step that undoes a file, or says why it stays."""
    found = host.files[entry.target]
    if _is(found, entry.was):
        plan.settled.append(entry)
    elif entry.was is None:
        _remove(plan, entry, found)
    elif found.kind == "absent" and entry.is_ is not None:
        plan.leave(f"file {entry.target}", f"somebody has removed it since. {_kept_words(entry, host)}")
    elif found.kind == "absent" or not _by_hand(found, entry):
        _restore(plan, entry, host, found)
    elif found.content is not None and (rest := without_blocks(found.content)) != found.content:
        shown = ("file", entry.target, _shown(found), "without the platform's part")
        plan.add(Phase.FILES, "write", shown, entry, content=rest)
    else:
        plan.leave(f"file {entry.target}", f"somebody has changed it since. {_kept_words(entry, host)}")


def _remove(plan: Plan, entry: Entry, found: Found) -> None:
    if found.kind in ("directory", "other"):
        plan.leave(f"file {entry.target}", f"it is a {found.kind} by now. Look at it, then: rm -r {entry.target}")
    elif _by_hand(found, entry):
        plan.leave(f"file {entry.target}", f"somebody has changed it since. Look at it, then: rm {entry.target}")
    else:
        plan.add(Phase.FILES, "unlink", ("file", entry.target, _shown(found), None), entry)


def _restore(plan: Plan, entry: Entry, host: Host, found: Found) -> None:
    content = host.kept.get(entry.was.get("sha256") or "")
    if entry.was["type"] == "link":
        plan.add(Phase.FILES, "link", ("file", entry.target, _shown(found), entry.was), entry)
    elif content is None:
        plan.leave(
            f"file {entry.target}",
            "what it held before was not kept, for it is a secret or not a file. Put it back from elsewhere.",
        )
    else:
        plan.add(Phase.FILES, "write", ("file", entry.target, _shown(found), entry.was), entry, content=content)


def _is(found: Found, summary: dict[str, Any] | None) -> bool:
    """Whether a file is as the record says, which of a sensitive one says nothing of the content: that is not."""
    if summary is None or found.kind == "absent":
        return summary is None and found.kind == "absent"
    if found.kind != summary["type"]:
        return False
    if found.kind == "link":
        return found.target == summary.get("target")
    return summary.get("sha256") is not None and _summary(found) == summary


def _by_hand(found: Found, entry: Entry) -> bool:
    """Whether somebody else has changed what we wrote. Of a secret the record knows no digest: it counts as ours."""
    if entry.is_ is None or found.kind != entry.is_["type"]:
        return True
    digest = entry.is_.get("sha256")
    return digest is not None and digest != _summary(found)["sha256"]


def _summary(found: Found) -> dict[str, Any]:
    return found.summary(False) or {"sha256": None}


def _shown(found: Found) -> dict[str, Any] | None:
    """Without a digest: of a secret not even that is shown."""
    told = found.summary(True)
    return {key: value for key, value in told.items() if key != "sha256"} if told else None


def _kept_words(entry: Entry, host: Host) -> str:
    digest = entry.was.get("sha256") if entry.was else None
    if digest in host.kept:
        return f"What it held before the platform is kept: /var/lib/cryptobot/was/{digest}"
    return "What it held before the platform is not kept."
