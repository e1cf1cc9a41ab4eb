# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which values are secrets, and how one is spoken of in a diff: what could be one is not shown."""

from __future__ import annotations

import math
import re
from collections import Counter

HIDDEN = "(not shown)"
LONGEST = 120
_NAMES = re.compile(
    r"(?i)(^|[_-])(pass|passwd|password|passphrase|pwd|secret|secrets|token|tokens|credential|credentials|apikey|key|keys|private|"
    r"salt|pepper|signature|auth|cookie|dsn|pin|otp|seed|mnemonic|cert|certificate|hmac|jwt|bearer|webhook)($|[_-])|"
    r"(?i:password|passwd|secret|apikey|accesskey|privatekey)"
)
_HARMLESS = re.compile(
    r"(?i)_(minutes|seconds|hours|days|ttl|expiry|expires|lifetime|age|length|size|count|limit|algorithm|alg|issuer|audience|header|"
    r"name|enabled|disabled|required|path|dir|directory|file|type|prefix|rounds|mode|domain|samesite|secure|port|host|user|username)$"
)
_USER_INFO = re.compile(r"(?P<start>[A-Za-z][A-Za-z0-9+.-]*://)(?P<user>[^\s/?#@:]*):(?P<password>[^\s/?#@]+)@")
_QUERY = re.compile(r"(?i)([?&;](?:[a-z_.-]*(?:password|passwd|secret|token|key|signature|sig))=)([^&;#\s]+)")
_PLAIN = re.compile(r"(?i)true|false|yes|no|on|off|none|null|-?[0-9]{1,6}(?:\.[0-9]{1,4})?")
_SHAPES = re.compile(
    r"-----BEGIN |^eyJ[\w-]+\.|^(?:sk|pk|rk|ghp|gho|xox[abp]|AKIA|AIza)[-_A-Za-z0-9]{12,}|^\$2[aby]\$|^\$argon2"
)
_RANDOM = re.compile(r"[A-Za-z0-9+/=_-]{20,}")
RANDOM_BITS = 3.4
"""Of entropy for each character: words have less."""


def is_secret(name: str, value: str) -> bool:
    """Whether a variable is kept in the vault. In doubt it is."""
    if not value.strip():
        return False
    if _SHAPES.search(value) or has_password(value):
        return True
    if _PLAIN.fullmatch(value) and not re.search(r"(?i)pass|secret|pin", name):
        return False
    if _NAMES.search(name) and not _HARMLESS.search(name):
        return "://" not in value or not re.search(r"(?i)_(url|uri|endpoint|issuer)$", name)
    return _looks_random(value)


def has_password(value: str) -> bool:
    """Whether a URL in it holds one."""
    return bool(_USER_INFO.search(value) or _QUERY.search(value))


def _looks_random(value: str) -> bool:
    for word in re.split(r"[\s,;]+", value):
        if (
            _RANDOM.fullmatch(word)
            and "/" not in word.strip("/")
            and re.search(r"[0-9]", word)
            and _bits(word) > RANDOM_BITS
        ):
            return True
    return False


def _bits(text: str) -> float:
    return -sum(count / len(text) * math.log2(count / len(text)) for count in Counter(text).values())


def shown(name: str, value: str | None) -> str:
    """A value for a diff: never a secret, and no more than a line."""
    if value is None:
        return ""
    if is_secret(name, value):
        masked = _USER_INFO.sub(r"\g<start>\g<user>:***@", _QUERY.sub(r"\1***", value))
        bare = masked.replace(":***@", "@").replace("***", "")
        return masked if has_password(value) and not is_secret("x", bare) else HIDDEN
    text = value.encode("unicode_escape").decode() if not value.isprintable() else value
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(value)} characters)"
