# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that the modules for PostgreSQL share."""

from __future__ import annotations


class ModuleDocFragment:
    """Fragment ``cryptobot.native.postgresql``: two servers, and how many lines there are between them."""

    DOCUMENTATION = r"""
options:
  source:
    description:
      - The server to read from, as a superuser. C(container) with C(project) and C(service) of a Compose project, or C(local) for
        this host's server by peer authentication, or C(host), C(port), C(user), C(password_file), C(sslmode).
    type: dict
    required: true
  target:
    description: The other server, named like O(source).
    type: dict
    required: true
  jobs:
    description: Lines at a time; V(0) is one for each core, from two to four.
    type: int
    default: 0
"""
