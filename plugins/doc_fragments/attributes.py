# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every plugin of the collection says of check mode, diff and idempotence."""

from __future__ import annotations


class ModuleDocFragment:
    """Fragments ``cryptobot.native.attributes`` (a module that changes) and ``cryptobot.native.attributes.info``."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Predicts what a real run changes, by the same plan, and changes nothing.
    support: full
  diff_mode:
    description: Returns what was and what will be; the content of sensitive items is never part of it.
    support: full
  idempotent:
    description: A second run with the same arguments changes nothing.
    support: full
"""

    INFO = r"""
options: {}
attributes:
  check_mode:
    description: Only reads, so that check mode makes no difference.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
  idempotent:
    description: Changes nothing, however often it runs.
    support: full
"""
