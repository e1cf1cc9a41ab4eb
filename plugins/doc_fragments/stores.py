# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that the modules for Redis, files and SQLite share."""

from __future__ import annotations


class ModuleDocFragment:
    """Fragments ``cryptobot.native.stores`` (the datastore), ``.redis`` (two servers), ``.files`` (two directories),
    ``.comparison`` (how differences are told)."""

    DOCUMENTATION = r"""
options:
  datastore:
    description: Name of the datastore in the catalogue, for the journal and for sentences.
    type: str
    required: true
"""

    REDIS = r"""
options:
  source:
    description:
      - The server to read from. C(container) with C(project) and C(service) of a Compose project, or C(local) for the instance of
        the role redis on this host, or C(host), C(port), C(user) and C(password_file).
    type: dict
    required: true
  target:
    description: The other server, named like O(source).
    type: dict
    required: true
  indices:
    description: Numbered databases, source to target. Empty means all that hold keys, with the numbers they have.
    type: dict
    default: {}
"""

    FILES = r"""
options:
  source:
    description:
      - The directory to read. C(path), or C(container) with C(project) and C(volume), or C(container) with C(project), C(service)
        and C(path), a path as the container sees it.
    type: dict
    required: true
  target:
    description: The other directory, named like O(source).
    type: dict
    required: true
  ownership:
    description:
      - Who owns files natively. Without it, numbers stay as they are.
      - C(users), system users of the services that use the datastore, the first one owns; C(group), the datastore's group;
        C(run_as) and C(run_as_groups), the numbers that the containers run as, the first one for files that come back;
        C(owners), what becomes of other numbers, a name or V(keep).
    type: dict
    default: {}
  reverse:
    description: The way back, from native to container; O(ownership) is read backwards.
    type: bool
    default: false
  sqlite:
    description: Whether SQLite databases among the files, found by their header, are copied and compared as such.
    type: bool
    default: true
"""

    COMPARISON = r"""
options:
  show_values:
    description: Whether values are shown; else short digests stand for them. Names of keys, members, fields and columns always are.
    type: bool
    default: false
  most:
    description: How many differences are named; the others are counted.
    type: int
    default: 1000
  fail:
    description: Whether differences are a failure.
    type: bool
    default: true
"""
