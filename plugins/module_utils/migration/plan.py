# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a migration: what moves, how, how large and how long, what cannot be carried, what is to be decided.

Pure: it is made of what the read-only modules have found. The same plan is printed, written as JSON and as HTML, and
returned by check mode.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..findings import ACCEPTED, BLOCKING, DECISION, NOTE, Finding, blocking, ranked, sentence
from . import estimate, words
from .alone import FILES

VERSION = 1
SUPERSEDED = ("target-not-empty", "redis-target-open")
"""What is no finding where the native side is known to be old: `prepare` shuts its Redis again, and the copy looks."""
FOLLOW = "follow"
"""How data moves that changes sides in a window: copied while Docker writes, and followed."""
REFRESH = "refresh"
"""The same of files: copied while Docker writes, and brought up to date in the window."""
STOPS = ("wal_level", "max_", "refused")
"""How reasons begin because of which a database cannot be followed at all."""
TITLES = {
    BLOCKING: "Must be mended first",
    DECISION: "To be decided",
    ACCEPTED: "Accepted",
    NOTE: "Good to know",
}


def build(given: Mapping[str, Any]) -> dict[str, Any]:
    """The plan as JSON.

    ``given``: ``project``, ``group``, ``stores`` (as mapped from the catalogue), ``sharing`` (by datastore its
    ``users``, ``group`` and ``groups``), ``looks`` (by datastore what its own module found: ``strategy``, ``way``,
    ``reasons``, ``bytes``, ``count``, ``unit``, ``shape``, ``findings``), ``findings`` (of the project and of servers),
    ``speeds``, ``disk`` (by path ``needed``, ``free`` and ``for``), ``services`` (``stop``, ``schemas``, ``waves``),
    ``accept``, ``superseded`` (what earlier runs have left on the native side is old), ``window`` (the group changes
    sides in a window).
    """
    window = bool(given.get("window"))
    items = [_item(name, kind, given) for kind, name in _datastores(given["stores"])]
    looked = (finding for look in given["looks"].values() for finding in look.get("findings", []))
    found = [_finding(each) for each in (*given["findings"], *looked)]
    found += [_unmoved(each) for each in given["stores"].get("unmoved", [])]
    found += _disk(given.get("disk") or {})
    found += _unfollowed(given["looks"]) if window else []
    if given.get("superseded"):
        found = [each for each in found if each.code not in SUPERSEDED]
    seconds = estimate.phases(items, given.get("services") or {}, given["speeds"])
    findings = ranked(found, given.get("accept") or [])
    return {
        "version": VERSION,
        "project": given["project"],
        "group": given["group"],
        "items": items,
        "findings": [each.as_dict() for each in findings],
        "open": [each.as_dict() for each in blocking(findings)],
        "seconds": estimate.followed(seconds) if window else seconds,
        "window": window,
        "bytes": sum(item["bytes"] for item in items),
        "speeds": dict(given["speeds"]),
        "disk": given.get("disk") or {},
    }


def _datastores(stores: Mapping[str, Any]) -> list[tuple[str, str]]:
    found = [
        ("postgresql", each["datastore"]) for server in stores.get("postgresql", []) for each in server["databases"]
    ]
    return found + [
        (kind, each["datastore"]) for kind in ("redis", "directory", "sqlite") for each in stores.get(kind, [])
    ]


def _item(name: str, kind: str, given: Mapping[str, Any]) -> dict[str, Any]:
    look, sharing = given["looks"].get(name) or {}, given["sharing"].get(name) or {}
    item = {
        "datastore": name,
        "kind": kind,
        "users": list(sharing.get("users", [])),
        "group": sharing.get("group", ""),
        "shared_by": list(sharing.get("groups", [])) if len(sharing.get("groups", [])) > 1 else [],
        "method": (REFRESH if kind in FILES else FOLLOW) if given.get("window") else look.get("method", "freeze-copy"),
        "way": "" if given.get("window") else look.get("way", ""),
        "reasons": [] if given.get("window") else list(look.get("reasons", [])),
        "bytes": int(look.get("bytes", 0)),
        "count": int(look.get("count", 0)),
        "unit": look.get("unit", ""),
        "shape": dict(look.get("shape") or {}),
        "estimate": dict(look.get("estimate") or {}),
        "roles": dict(look.get("roles") or {}),
    }
    return {**item, "seconds": estimate.seconds(item, given["speeds"])}


def _finding(given: Mapping[str, Any]) -> Finding:
    return Finding(*(str(given.get(key) or "") for key in ("severity", "code", "object", "text", "remedy", "evidence")))


def refusal(plan: Mapping[str, Any]) -> str:
    """Why the migration cannot begin, with what to do for each; empty where it can."""
    return sentence(map(_finding, plan["open"]))


def _unmoved(each: Mapping[str, str]) -> Finding:
    text = f"The datastore {each['datastore']} does not move: it {each['why']}."
    remedy = "Name its place, or accept that it starts empty on the native side."
    return Finding(DECISION, "not-moved", each["datastore"], text, remedy)


def _unfollowed(looks: Mapping[str, Mapping[str, Any]]) -> list[Finding]:
    """What stands against following each database, before anything has begun to."""
    remedy = (
        "Start its server with other settings (in the Compose file, for example: command: [postgres, -c, wal_level=logical, -c, "
        "max_logical_replication_workers=8]; it takes a restart of that container), or give the tables keys; or move the group by: "
        "ansible-playbook cryptobot.native.migrate"
    )
    return [
        Finding(BLOCKING, "not-followed", name, f"The database of {name} cannot be followed: {reason}.", remedy)
        if reason.startswith(STOPS)
        else Finding(NOTE, "partly-followed", name, f"While {name} is followed: {reason}.")
        for name, look in sorted(looks.items())
        for reason in look.get("unfollowed", [])
    ]


def _disk(disk: Mapping[str, Mapping[str, Any]]) -> list[Finding]:
    """A finding for each file system that would be filled."""
    found = []
    for path, each in sorted(disk.items()):
        if each["needed"] > each["free"]:
            what = ", ".join(each.get("for", []))
            text = (
                f"The file system of {path} has {words.size(each['free'])} free, and {words.size(each['needed'])} "
                f"are needed there ({what})."
            )
            remedy = "Make room, or put the directory on a larger file system."
            found.append(Finding(BLOCKING, "disk-too-small", path, text, remedy))
    return found


# What people read


def lines(plan: Mapping[str, Any]) -> list[str]:
    """The plan for the screen."""
    result = [f"Plan for the Compose project {plan['project']}, migration group {plan['group']}", ""]
    heads = ("datastore", "kind", "moves with", "method", "#size", "#content", "#copy", "#verify")
    result += words.columns(heads, [_row(item) for item in plan["items"]])
    shared = [item for item in plan["items"] if item["shared_by"]]
    if shared:
        result += ["", "Shared between migration groups"]
        result += [
            f"  {item['datastore']}: used by {', '.join(item['shared_by'])}; moves with {item['group']}"
            for item in shared
        ]
    result += ["", *_times(plan)]
    for severity, title in TITLES.items():
        found = [_finding(each) for each in plan["findings"] if each["severity"] == severity]
        if found:
            result += ["", title]
            for each in found:
                result.append(f"  {each.name}: {each.text}")
                if each.remedy:
                    result.append(f"      {each.remedy}")
    return result


def _row(item: Mapping[str, Any]) -> list[str]:
    how = item["method"] + (f" ({item['way']})" if item["way"] and item["way"] != item["method"] else "")
    content = f"{words.count(item['count'])} {item['unit']}" if item["unit"] else ""
    return [
        item["datastore"],
        item["kind"],
        item["group"],
        how,
        words.size(item["bytes"]),
        content,
        words.duration(item["seconds"]["copy"]),
        words.duration(item["seconds"]["verify"]),
    ]


def _times(plan: Mapping[str, Any]) -> list[str]:
    seconds = plan["seconds"]
    backup = f"Backup {words.duration(seconds['backup'])}, while Docker serves."
    if plan["window"]:
        waiting = (
            "Requests wait while the sides change: what works on files stops on the one side and starts on the other, and what has "
            "changed in them since is copied, of SQLite files all. The report has the seconds."
            if any(item["method"] == REFRESH for item in plan["items"])
            else "Requests wait while the sides change, which does not depend on the size of the data; the report has the seconds."
        )
        return [f"{backup} Copy {words.duration(seconds['copy'])}, while Docker writes; the copies follow.", waiting]
    return [
        backup,
        f"Users wait {words.duration(seconds['freeze'])}: stop {words.duration(seconds['stop'])}, "
        f"copy {words.duration(seconds['copy'])}, verify {words.duration(seconds['verify'])}, "
        f"switch {words.duration(seconds['switch'])}, start {words.duration(seconds['start'])}.",
        f"Altogether {words.duration(seconds['total'])}, beside the installation of what is not installed yet.",
    ]
