# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every kind of object that a database can hold, with the query that describes it."""

from __future__ import annotations

from . import attached, relations, routines, server, services, types
from .base import Kind

KINDS: tuple[Kind, ...] = (
    *server.KINDS,
    *relations.KINDS,
    *attached.KINDS,
    *types.KINDS,
    *routines.KINDS,
    *services.KINDS,
    *server.CLUSTER_KINDS,
)

__all__ = ["KINDS", "Kind"]
