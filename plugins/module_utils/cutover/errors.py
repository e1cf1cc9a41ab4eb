# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong in a cutover, as sentences."""

from __future__ import annotations

from ..docker.engine import DockerError
from ..files.place import FilesError
from ..postgresql.endpoint import EndpointError
from ..postgresql.fence.errors import FenceError, NotOurs
from ..postgresql.follow.errors import FollowError
from ..redis.client import RedisError
from ..router.maps import RouterError


class CutoverError(RuntimeError):
    """A window can't begin, or was given up; the text is a sentence for the operator."""


class Decided(CutoverError):
    """Somebody else decides, or has decided, about this window: whoever meets this does nothing more."""


class Stale(CutoverError):
    """The coordinator is at an epoch that this window can't have left: nothing may be touched."""


def passes(error: BaseException) -> bool:
    """Whether a thing that must be done is worth another try: a server or the router that does not answer now."""
    if isinstance(error, NotOurs):
        return False
    known = (DockerError, EndpointError, FenceError, FilesError, FollowError, RedisError, RouterError, OSError)
    return isinstance(error, known) or "psycopg2" in type(error).__module__
