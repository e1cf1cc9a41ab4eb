#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: release_source
short_description: Bring the application's source to the controller
version_added: 0.1.0
description:
  - Returns the directory of the source, which is a directory of the controller as it is, a revision of a git repository, or an archive with its checksum.
  - What is brought stays in the controller's cache. No host is touched.
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes.info
options:
  origin:
    description: Either C(path), or C(git) and C(version), or C(archive) (a URL or a path) and C(checksum) (V(sha256:…)).
    type: dict
    required: true
  cache:
    description: Directory on the controller whose C(sources) keeps what was brought. Defaults to C(cryptobot-native) in the user's cache directory.
    type: path
  ca:
    description: File on the controller with the certificates that the archive's server is trusted by.
    type: path
"""

EXAMPLES = r"""
- name: Bring the source
  cryptobot.native.release_source:
    origin:
      git: https://git.example/application.git
      version: v1.2.0
  register: source
"""

RETURN = r"""
path:
  description: The directory.
  returned: success
  type: str
  sample: /home/operator/.cache/cryptobot-native/sources/git-0a1b2c3d4e5f-9f8e7d6c5b4a
"""
