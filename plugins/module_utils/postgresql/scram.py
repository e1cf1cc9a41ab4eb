# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SCRAM-SHA-256 verifiers as PostgreSQL stores them (RFC 5803), so that a password itself never reaches the server."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import unicodedata

ITERATIONS = 4096
_VERIFIER = re.compile(r"^SCRAM-SHA-256\$(\d+):([^$]+)\$([^:]+):(.+)$")


def verifier(password: str, salt: bytes | None = None, iterations: int = ITERATIONS) -> str:
    """The verifier of a password; a random salt of 16 bytes unless one is given."""
    salt = os.urandom(16) if salt is None else salt
    salted = hashlib.pbkdf2_hmac("sha256", _prepared(password), salt, iterations)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    return f"SCRAM-SHA-256${iterations}:{_text(salt)}${_text(stored)}:{_text(server)}"


def matches(password: str, stored: str | None) -> bool:
    """Whether a stored verifier is this password's: computed again with the stored salt and iterations."""
    found = _VERIFIER.match(stored or "")
    if not found:
        return False
    again = verifier(password, base64.b64decode(found[2]), int(found[1]))
    return hmac.compare_digest(again, stored or "")


def _prepared(password: str) -> bytes:
    """What SASLprep makes of a password: only its normalisation matters for those without control characters."""
    return unicodedata.normalize("NFKC", password).encode()


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
