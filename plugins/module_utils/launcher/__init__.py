# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands before each program on a host: it owns the listening socket, waits, delays, and says *ready* by health.

The package is copied to hosts as ``/usr/lib/cryptobot/launcher`` and runs there with ``python3 -I`` (3.11 and later),
so it uses the standard library alone and imports its parts relatively. It lies among the module utilities because the
modules ask the same health questions with the same code (`probe`).
"""

from __future__ import annotations
