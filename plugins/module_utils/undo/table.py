# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The short table at the end of an uninstallation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

COMMAND = "ansible-playbook cryptobot.native.uninstall"


def table(result: Mapping[str, Any], asked: Mapping[str, Any]) -> list[str]:
    """What went, what was put back, what is left, why, and the next command. ``asked``: check, data, service, role."""
    ahead = asked["check"]
    counts = ", ".join(f"{number} {kind}" for kind, number in result["removed"].items())
    stopped = ", ".join(result["stopped"])
    lines = [f"{'to be stopped' if ahead else 'stopped'}: {stopped or 'nothing'}"]
    lines += [f"{'to be removed' if ahead else 'removed'}: {counts or 'nothing'}"]
    lines += [f"{'to be put back' if ahead else 'put back'}: {title}" for title in result["put_back"]]
    width = max((len(each["title"]) for each in result["left"]), default=0)
    lines += [f"left: {each['title']:{width}}  {each['why']}" for each in result["left"]]
    if service := asked["service"]:
        lines.append(
            f"left: what {service} has in databases and Redis, and its doors at the proxy. "
            f"Take it out of the catalogue (cryptobot_services__gone: {{{service}: null}}), then: ansible-playbook cryptobot.native.site"
        )
    return [*lines, f"next: {_next(result, asked)}"]


def _next(result: Mapping[str, Any], asked: Mapping[str, Any]) -> str:
    scope = "".join(f" -e uninstall_{key}={asked[key]}" for key in ("service", "role") if asked[key])
    given = scope + (" -e uninstall_data=removed" if asked["data"] == "removed" else "")
    if asked["check"]:
        return f"{COMMAND}{given} -e uninstall_confirm=true"
    if asked["data"] == "kept" and any(each["why"].startswith("data") for each in result["left"]):
        remove = f"{COMMAND}{scope} -e uninstall_data=removed -e uninstall_confirm=true"
        return f"ansible-playbook cryptobot.native.site takes the data up again; {remove} removes it"
    if result["left"]:
        return f"look at what is left, then {COMMAND}{given} -e uninstall_confirm=true"
    return "nothing; ansible-playbook cryptobot.native.site installs again"
