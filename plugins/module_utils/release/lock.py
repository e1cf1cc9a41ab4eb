# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requirements locked by hash: what can be told of a lock before anything is downloaded."""

from __future__ import annotations

import re
from pathlib import Path

from .errors import ReleaseError

REMEDY = "Make the lock anew, for example: uv pip compile --generate-hashes -o {path} requirements.in"
_NAME = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(\[[^]]*\])?\s*==\s*[^\s;]+")


def read_lock(path: Path, service: str) -> dict[str, int]:
    """The locked packages of a service, each with the number of its hashes.

    Raises :class:`ReleaseError` when the file is missing, holds something else than exact versions, or a package without hash.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ReleaseError(f"{service}: there is no lock file {path}. {REMEDY.format(path=path.name)}") from None
    packages: dict[str, int] = {}
    for line in text.replace("\\\n", " ").splitlines():
        requirement = re.sub(r"(^|\s)#.*", "", line).strip()
        if not requirement or requirement.startswith(("--index-url", "--extra-index-url", "--only-binary")):
            continue
        match = _NAME.match(requirement)
        if match is None:
            raise ReleaseError(
                f'{service}: {path} holds "{requirement[:80]}", which is no exact version. {REMEDY.format(path=path.name)}'
            )
        hashes = requirement.count("--hash=sha256:")
        if not hashes:
            raise ReleaseError(
                f"{service}: {match[1]} has no hash in {path}, so its content could change. {REMEDY.format(path=path.name)}"
            )
        packages[match[1].lower().replace("_", "-")] = hashes
    return packages
