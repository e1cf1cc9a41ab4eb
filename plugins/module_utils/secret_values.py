# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of secrets for modules: picked, checked for their shape, and packed so that none is shown.

A packed text is one value that Ansible hides as a whole. Single values given as they are would be cut out of all other output
wherever they happen to appear, and would be visible through what is missing.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any


class SecretError(ValueError):
    """A secret without a usable shape; the text names it and never quotes it."""


def passwords(secrets: Any, service: str, name: str) -> tuple[str, ...]:
    """The values of a secret, the one in use first; empty where there is none. A list holds a new one and the old one while
    clients change over."""
    path = "the secrets"
    value = secrets or {}
    for key in (service, name):
        if not isinstance(value, Mapping):
            raise SecretError(f"{path} should be a dictionary, not {type(value).__name__.lstrip('_')}. {_example(service, name)}")
        path, value = f"{path}.{key}", value.get(key) or {}
    values = value if isinstance(value, list) else [value] if value else []
    if not all(isinstance(each, str) and each for each in values):
        raise SecretError(f"{path} should be a text, or a list of the new and the old text. {_example(service, name)}")
    return tuple(str(each) for each in values)


def _example(service: str, name: str) -> str:
    return f"Write it as in cryptobot_secrets: {{{service}: {{{name}: a-random-text-of-32-characters}}}}, encrypted with ansible-vault."


def pack(values: Mapping[str, Any]) -> str:
    """JSON in Base64; the empty string for nothing."""
    return base64.b64encode(json.dumps(values).encode()).decode() if values else ""


def unpack(packed: str | None) -> dict[str, Any]:
    return json.loads(base64.b64decode(packed)) if packed else {}
