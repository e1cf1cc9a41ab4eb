# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which processes may run on one side alone, and never stand by on the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FILES = frozenset({"directory", "sqlite"})


def alone(catalogue: Mapping[str, Any], service: Mapping[str, Any], process: Mapping[str, Any]) -> bool:
    """Whether it is exclusive, or its service works on files, which nothing can close to a process that has them open."""
    return bool(process.get("exclusive")) or uses_files(catalogue, service)


def uses_files(catalogue: Mapping[str, Any], service: Mapping[str, Any]) -> bool:
    """Whether one of the service's datastores is a directory or a SQLite file."""
    return any(catalogue["datastores"][name]["kind"] in FILES for name in service["uses"])
