# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of modules that write into a run's journal."""

from __future__ import annotations


class ModuleDocFragment:
    """Fragment ``cryptobot.native.journal``."""

    DOCUMENTATION = r"""
options:
  run:
    description: Id of the run in the journal.
    type: str
    required: true
  directory:
    description: Where journal and evidence are.
    type: path
    default: /var/lib/cryptobot-migration
"""
