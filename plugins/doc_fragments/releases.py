# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules that build and install releases document alike."""

from __future__ import annotations


class ModuleDocFragment:
    """Fragments ``cryptobot.native.releases`` (the application) and ``.host`` (what a host builds and installs with)."""

    DOCUMENTATION = r"""
options:
  catalogue:
    description: The resolved catalogue. Read on the controller.
    type: dict
  source:
    description: The application's source directory on the controller.
    type: path
  cache:
    description: Directory on the controller whose C(artefacts) keeps what was built. Defaults to C(cryptobot-native) in the user's cache directory.
    type: path
"""

    HOST = r"""
options:
  bundle:
    description: Given by the action.
    type: path
  uv:
    description: The program uv on the host. Empty installs one of a fixed version.
    type: path
    default: ""
  python_index:
    description: Index for Python packages, in place of the public one.
    type: str
    default: ""
  npm_registry:
    description: Registry for npm packages, in place of the public one.
    type: str
    default: ""
  cargo_index:
    description: Index for crates, in place of the public one, for example V(sparse+https://mirror.example/index/).
    type: str
    default: ""
  ca:
    description: File on the host with the certificates that these are trusted by. Empty is the system's own.
    type: path
    default: ""
"""
