# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of a running Redis against wanted ones: what can be set while it runs, and what takes a restart."""

from __future__ import annotations

import re
from collections.abc import Mapping

RESTART = frozenset({"aclfile", "databases", "dir", "dbfilename", "appenddirname", "unixsocket", "unixsocketperm"})
"""What a running server refuses to change, or must not change (``dir``: the files would stay behind)."""
_SIZE = re.compile(r"^(\d+)(k|kb|m|mb|g|gb|b)?$", re.IGNORECASE)
_SCALES = {"k": 1000, "kb": 1024, "m": 1000**2, "mb": 1024**2, "g": 1000**3, "gb": 1024**3, "b": 1}


def differences(wanted: Mapping[str, str], live: Mapping[str, str]) -> list[str]:
    """Names of settings whose live value is another one; of those that this version does not know, nothing is said here."""
    return sorted(name for name, value in wanted.items() if name in live and _plain(value) != _plain(live[name]))


def unknown(wanted: Mapping[str, str], live: Mapping[str, str]) -> list[str]:
    """Names that this version does not know."""
    return sorted(name for name in wanted if live and name not in live)


def _plain(value: str) -> str:
    """Sizes in bytes, quotes and repeated spaces gone."""
    text = " ".join(value.replace('"', "").split())
    size = _SIZE.match(text)
    return str(int(size[1]) * _SCALES[(size[2] or "b").lower()]) if size else text


def file_text(settings: Mapping[str, str]) -> str:
    """The configuration file."""
    return "".join(f"{name} {_quoted(value)}\n" for name, value in sorted(settings.items()))


def _quoted(value: str) -> str:
    return value or '""'
