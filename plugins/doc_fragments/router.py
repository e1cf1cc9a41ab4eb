# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of modules that lead a Compose project's traffic through the router."""

from __future__ import annotations


class ModuleDocFragment:
    """Fragment ``cryptobot.native.router``."""

    DOCUMENTATION = r"""
options:
  project:
    description: Name of the Compose project, as its label says.
    type: str
    required: true
  doors:
    description: The doors, as P(cryptobot.native.edge_doors#filter) gives them.
    type: list
    elements: dict
    required: true
  directory:
    description: Where the router's state is.
    type: path
    default: /var/lib/cryptobot-router
"""
